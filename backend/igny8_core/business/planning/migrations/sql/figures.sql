-- What clusters count, kept by the database whoever writes (ADR 0014).
-- Keywords give keywords_count, volume and volume_distinct; contents give mapped_pages; a cluster
-- with a content or an idea is mapped. Triggers name the clusters that a statement touched, and
-- these functions count them again, so no arithmetic of differences can drift.

-- Locks first, in the order of keys; the statement after it sees what others have committed.
CREATE FUNCTION planning_lock_clusters(p_ids bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM planning_clusters WHERE id = ANY (p_ids) ORDER BY id FOR NO KEY UPDATE;
    PERFORM set_config('igny8.figures', 'on', true);
END $$;

-- Each cluster by its index, whatever the planner thinks of a table that was filled a moment ago.
CREATE FUNCTION planning_recount_keywords(p_ids bigint[]) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
BEGIN
    PERFORM planning_lock_clusters(p_ids);
    UPDATE planning_clusters c
       SET keywords_count = f.keywords, volume = f.volume, volume_distinct = f.volume_distinct,
           updated_at = clock_timestamp()
      FROM planning_clusters own
     CROSS JOIN LATERAL (
           SELECT coalesce(sum(v.keywords), 0) AS keywords, coalesce(sum(v.volume), 0) AS volume,
                  coalesce(sum(v.highest), 0) AS volume_distinct
             FROM (SELECT count(*) AS keywords, sum(k.volume) AS volume, max(k.volume) AS highest
                     FROM planning_keywords k
                    WHERE k.account_id = own.account_id AND k.sector_id = own.sector_id
                      AND k.cluster_id = own.id AND k.deleted_at IS NULL AND NOT k.is_disabled
                    GROUP BY k.variant, CASE WHEN k.variant IS NULL THEN k.id END) v) f
     WHERE own.id = ANY (p_ids) AND c.id = own.id
       AND (c.keywords_count, c.volume, c.volume_distinct)
           IS DISTINCT FROM (f.keywords, f.volume, f.volume_distinct);
    PERFORM set_config('igny8.figures', '', true);
END $$;

CREATE FUNCTION planning_refresh_status(p_ids bigint[]) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
    UPDATE planning_clusters c SET status = s.status, updated_at = clock_timestamp()
      FROM (SELECT own.id, CASE WHEN own.mapped_pages > 0 OR EXISTS (
                       SELECT 1 FROM planning_contentideas i
                        WHERE i.account_id = own.account_id AND i.cluster_id = own.id
                          AND i.deleted_at IS NULL) THEN 'mapped' ELSE 'new' END AS status
              FROM planning_clusters own WHERE own.id = ANY (p_ids)) s
     WHERE c.id = s.id AND c.status <> s.status;
END $$;

CREATE FUNCTION planning_keywords_written() RETURNS trigger LANGUAGE plpgsql AS $$
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
           AND (n.cluster_id, n.volume, n.variant, n.is_disabled, n.deleted_at IS NULL)
               IS DISTINCT FROM
               (o.cluster_id, o.volume, o.variant, o.is_disabled, o.deleted_at IS NULL);
    END IF;
    IF touched IS NOT NULL THEN
        PERFORM planning_recount_keywords(touched);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER planning_keywords_inserted AFTER INSERT ON planning_keywords
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION planning_keywords_written();
CREATE TRIGGER planning_keywords_updated AFTER UPDATE ON planning_keywords
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION planning_keywords_written();
CREATE TRIGGER planning_keywords_deleted AFTER DELETE ON planning_keywords
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION planning_keywords_written();

CREATE FUNCTION planning_ideas_written() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE touched bigint[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(DISTINCT cluster_id) INTO touched FROM new_rows;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(DISTINCT cluster_id) INTO touched FROM old_rows;
    ELSE
        SELECT array_agg(DISTINCT side.cluster_id) INTO touched
          FROM new_rows n JOIN old_rows o ON o.id = n.id
         CROSS JOIN LATERAL (VALUES (o.cluster_id), (n.cluster_id)) side (cluster_id)
         WHERE (n.cluster_id, n.deleted_at IS NULL)
               IS DISTINCT FROM (o.cluster_id, o.deleted_at IS NULL);
    END IF;
    IF touched IS NOT NULL THEN
        PERFORM planning_lock_clusters(touched);
        PERFORM planning_refresh_status(touched);
        PERFORM set_config('igny8.figures', '', true);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER planning_ideas_inserted AFTER INSERT ON planning_contentideas
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION planning_ideas_written();
CREATE TRIGGER planning_ideas_updated AFTER UPDATE ON planning_contentideas
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION planning_ideas_written();
CREATE TRIGGER planning_ideas_deleted AFTER DELETE ON planning_contentideas
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION planning_ideas_written();

-- The figures are derived, like generated columns: what anybody else writes into them is ignored.
CREATE FUNCTION planning_guard_figures() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('igny8.figures', true), '') = 'on' THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'INSERT' THEN
        NEW.keywords_count := 0;
        NEW.volume := 0;
        NEW.volume_distinct := 0;
        NEW.mapped_pages := 0;
    ELSE
        NEW.keywords_count := OLD.keywords_count;
        NEW.volume := OLD.volume;
        NEW.volume_distinct := OLD.volume_distinct;
        NEW.mapped_pages := OLD.mapped_pages;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER planning_clusters_figures BEFORE INSERT OR UPDATE ON planning_clusters
    FOR EACH ROW EXECUTE FUNCTION planning_guard_figures();

-- Clusters that were there before.
SELECT planning_recount_keywords(array_agg(id)) FROM planning_clusters;
