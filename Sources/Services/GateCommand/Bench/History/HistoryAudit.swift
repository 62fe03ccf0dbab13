/// The database's own journal: what was really written to the table of sessions, by triggers in PostgreSQL.
///
/// Writes to one session come one after the other, since each locks its row; so their order is the one in which they
/// count. What is rolled back leaves nothing.
enum HistoryAudit {
    static func install(in server: BenchServer) throws { try server.sql(script) }

    /// All writes in their order, each as ``HistoryWrite/init(line:)`` reads it.
    static func lines(in server: BenchServer) throws -> [Substring] {
        try server.rows(
            """
            SELECT kind, session, old_epoch, old_worker, new_epoch, new_worker FROM quantumgate.history_audit
            ORDER BY sequence
            """)
    }

    private static let script = """
        SET search_path TO quantumgate;
        CREATE TABLE history_audit (
            sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(),
            kind text NOT NULL, session uuid NOT NULL, old_epoch bigint, old_worker text, new_epoch bigint,
            new_worker text
        );
        CREATE FUNCTION history_write() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO history_audit (kind, session, old_epoch, old_worker, new_epoch, new_worker)
            VALUES (TG_OP, coalesce(NEW.id, OLD.id), OLD.epoch, OLD.worker, NEW.epoch, NEW.worker);
            RETURN NULL;
        END $$;
        CREATE TRIGGER history_write AFTER INSERT OR UPDATE OR DELETE ON session
            FOR EACH ROW EXECUTE FUNCTION history_write();
        CREATE FUNCTION history_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO history_audit (kind, session, old_epoch, old_worker, new_epoch, new_worker)
            SELECT 'REFUSED', id, epoch, worker, NEW.epoch, NEW.worker FROM session
            WHERE id = NEW.id AND epoch > NEW.epoch;
            RETURN NEW;
        END $$;
        CREATE TRIGGER history_attempt BEFORE INSERT ON session FOR EACH ROW EXECUTE FUNCTION history_attempt();
        """
}
