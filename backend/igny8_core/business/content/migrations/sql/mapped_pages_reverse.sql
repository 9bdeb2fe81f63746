DROP TRIGGER content_deleted ON content_content;
DROP TRIGGER content_updated ON content_content;
DROP TRIGGER content_inserted ON content_content;
DROP FUNCTION content_written();
DROP FUNCTION content_recount_pages(bigint[]);
