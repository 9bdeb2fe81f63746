-- Run as superuser in the database, before the first migration; safe to repeat.
-- Embedded: trust on a private unix socket. Elsewhere: give the LOGIN roles passwords.
DO $$
BEGIN
    IF to_regrole('igny8_owner') IS NULL THEN CREATE ROLE igny8_owner; END IF;
    IF to_regrole('igny8_app') IS NULL THEN CREATE ROLE igny8_app; END IF;
    IF to_regrole('igny8_admin') IS NULL THEN CREATE ROLE igny8_admin; END IF;
    IF to_regrole('igny8_backup') IS NULL THEN CREATE ROLE igny8_backup; END IF;
    IF to_regrole('ledger_owner') IS NULL THEN CREATE ROLE ledger_owner; END IF;
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO igny8_app', current_database());
    EXECUTE format('GRANT CREATE ON DATABASE %I TO igny8_owner', current_database());
END $$;
ALTER ROLE igny8_owner LOGIN NOSUPERUSER NOCREATEROLE NOBYPASSRLS;
ALTER ROLE igny8_app LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOBYPASSRLS;
ALTER ROLE igny8_admin LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOBYPASSRLS;
ALTER ROLE igny8_backup LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB BYPASSRLS;
ALTER ROLE ledger_owner NOLOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOBYPASSRLS;
ALTER ROLE igny8_backup SET default_transaction_read_only = on;
ALTER ROLE igny8_app SET idle_in_transaction_session_timeout = '30s';
ALTER ROLE igny8_app SET lock_timeout = '3s';
ALTER ROLE igny8_owner SET lock_timeout = '5s';
GRANT pg_read_all_data TO igny8_backup;
GRANT ledger_owner TO igny8_owner;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO igny8_owner, ledger_owner;
GRANT USAGE ON SCHEMA public TO igny8_app, igny8_admin;
-- Lets the owner write SECURITY DEFINER functions with SET igny8.maintenance = 'on'.
GRANT SET ON PARAMETER "igny8.maintenance" TO igny8_owner;
