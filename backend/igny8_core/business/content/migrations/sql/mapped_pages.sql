-- How many live contents a cluster has, kept by the database whoever writes (ADR 0014).
CREATE FUNCTION content_recount_pages(p_ids bigint[]) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
    PERFORM planning_lock_clusters(p_ids);
    UPDATE planning_clusters c SET mapped_pages = f.pages, updated_at = clock_timestamp()
      FROM planning_clusters own
     CROSS JOIN LATERAL (
           SELECT count(*) AS pages FROM content_content t
            WHERE t.account_id = own.account_id AND t.site_id = own.site_id
              AND t.sector_id = own.sector_id AND t.cluster_id = own.id
              AND t.deleted_at IS NULL) f
     WHERE own.id = ANY (p_ids) AND c.id = own.id AND c.mapped_pages <> f.pages;
    PERFORM planning_refresh_status(p_ids);
    PERFORM set_config('igny8.figures', '', true);
END $$;

CREATE FUNCTION content_written() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE touched bigint[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(DISTINCT cluster_id) INTO touched
          FROM new_rows WHERE cluster_id IS NOT NULL;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(DISTINCT cluster_id) INTO touched
          FROM old_rows WHERE cluster_id IS NOT NULL;
    ELSE
        SELECT array_agg(DISTINCT side.cluster_id) INTO touched
          FROM new_rows n JOIN old_rows o ON o.id = n.id
         CROSS JOIN LATERAL (VALUES (o.cluster_id), (n.cluster_id)) side (cluster_id)
         WHERE side.cluster_id IS NOT NULL
           AND (n.cluster_id, n.deleted_at IS NULL)
               IS DISTINCT FROM (o.cluster_id, o.deleted_at IS NULL);
    END IF;
    IF touched IS NOT NULL THEN
        PERFORM content_recount_pages(touched);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER content_inserted AFTER INSERT ON content_content
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION content_written();
CREATE TRIGGER content_updated AFTER UPDATE ON content_content
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION content_written();
CREATE TRIGGER content_deleted AFTER DELETE ON content_content
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION content_written();

-- Clusters that were there before.
SELECT content_recount_pages(array_agg(id)) FROM planning_clusters;
