import GRDB

/// The schema's migrations: each runs once, in order; one that has shipped is never changed.
///
/// | table           | one row is                                                           |
/// | --------------- | -------------------------------------------------------------------- |
/// | setting_version | a version of a setting; `value` is null where it went to the default |
/// | peer            | a node that is known; endpoints in text form, one a line             |
/// | address_rule    | a rule about a range of addresses                                    |
/// | worker_name     | a name that ever registered, with the id it keeps                    |
/// | worker          | the newest registration of a name                                    |
/// | session         | a session of a worker, kept for a while after its worker ended       |
/// | refusal         | a refused or failed connection                                       |
/// | reputation      | who did something wrong: score, moment of it, when it is forgiven    |
/// | ban             | who is shut out; `until` is null where it ends by hand               |
/// | rights          | what a link name may do; UUIDs as 16 bytes each                      |
/// | data_space      | an extender's quota, usage and last version                          |
/// | data_entry      | a key of an extender                                                 |
/// | vault           | a sealed value                                                       |
/// | change_log      | what watchers are told, in the order of commits                      |
/// | counter         | the generation, and the last epoch                                   |
///
/// UUIDs are blobs of 16 bytes, moments seconds since 1970, leases milliseconds.
enum SQLiteSchema {
    static func migrator() -> DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 node") { db in try db.execute(sql: node) }
        migrator.registerMigration("1 workers") { db in try db.execute(sql: workers) }
        migrator.registerMigration("1 extenders") { db in try db.execute(sql: extenders) }
        migrator.registerMigration("2 sessions") { db in try db.execute(sql: sessions) }
        migrator.registerMigration("2 reputation") { db in try db.execute(sql: reputation) }
        return migrator
    }

    private static let node = """
        CREATE TABLE setting_version (
            key TEXT NOT NULL, version INTEGER NOT NULL, value TEXT,
            changed_at INTEGER NOT NULL, changed_by TEXT NOT NULL,
            PRIMARY KEY (key, version)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE peer (
            node BLOB NOT NULL PRIMARY KEY CHECK (length(node) = 16),
            bundle_hash BLOB CHECK (length(bundle_hash) = 32),
            endpoints TEXT NOT NULL, access INTEGER NOT NULL, is_relay INTEGER NOT NULL, features INTEGER NOT NULL,
            record BLOB NOT NULL, first_seen INTEGER, last_seen INTEGER, note TEXT NOT NULL
        ) STRICT;
        CREATE INDEX peer_access ON peer (access, node);
        CREATE INDEX peer_relay ON peer (is_relay, node);
        CREATE TABLE address_rule (
            key TEXT NOT NULL PRIMARY KEY, prefix BLOB NOT NULL, length INTEGER NOT NULL, is_allowed INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE vault (name TEXT NOT NULL PRIMARY KEY, sealed BLOB NOT NULL) STRICT;
        CREATE TABLE change_log (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT, origin INTEGER NOT NULL, topic TEXT NOT NULL, key TEXT NOT NULL
        ) STRICT;
        CREATE TABLE counter (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        INSERT INTO counter (name, value) VALUES ('generation', 1), ('epoch', 0);
        """

    private static let workers = """
        CREATE TABLE worker_name (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE) STRICT;
        CREATE TABLE worker (
            name TEXT NOT NULL PRIMARY KEY, id INTEGER NOT NULL REFERENCES worker_name (id),
            link_address TEXT NOT NULL, admin_address TEXT NOT NULL,
            generation INTEGER NOT NULL, timeline INTEGER NOT NULL, counter INTEGER NOT NULL,
            sessions INTEGER NOT NULL, circuits INTEGER NOT NULL, streams INTEGER NOT NULL,
            is_draining INTEGER NOT NULL, lease_ends INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE session (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
            worker TEXT NOT NULL REFERENCES worker (name) ON DELETE CASCADE,
            peer BLOB CHECK (length(peer) = 16),
            is_relayed INTEGER NOT NULL, is_inbound INTEGER NOT NULL, since INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX session_worker ON session (worker);
        CREATE TABLE refusal (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, is_inbound INTEGER NOT NULL,
            node BLOB CHECK (length(node) = 16), address TEXT NOT NULL, reason TEXT NOT NULL, worker TEXT NOT NULL
        ) STRICT;
        """

    /// Sessions outlive their workers: what is in the old table is of no use after the upgrade that brings this.
    private static let sessions = """
        DROP TABLE session;
        CREATE TABLE session (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
            epoch INTEGER NOT NULL, worker TEXT NOT NULL, peer BLOB CHECK (length(peer) = 16),
            is_relayed INTEGER NOT NULL, is_inbound INTEGER NOT NULL, since INTEGER NOT NULL,
            secret BLOB NOT NULL, ends INTEGER
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX session_worker ON session (worker);
        CREATE INDEX session_ends ON session (ends) WHERE ends IS NOT NULL;
        """

    private static let extenders = """
        CREATE TABLE rights (
            name TEXT NOT NULL PRIMARY KEY, extenders BLOB NOT NULL, setting_prefixes TEXT NOT NULL,
            may_connect INTEGER NOT NULL, is_revoked INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE data_space (
            extender BLOB NOT NULL PRIMARY KEY CHECK (length(extender) = 16), last_version INTEGER NOT NULL,
            bytes INTEGER NOT NULL, keys INTEGER NOT NULL,
            bytes_maximum INTEGER NOT NULL, keys_maximum INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE data_entry (
            extender BLOB NOT NULL REFERENCES data_space (extender), key BLOB NOT NULL, value BLOB NOT NULL,
            version INTEGER NOT NULL,
            PRIMARY KEY (extender, key)
        ) STRICT;
        """

    private static let reputation = """
        CREATE TABLE reputation (
            subject TEXT NOT NULL PRIMARY KEY, score INTEGER NOT NULL, counted_at INTEGER NOT NULL,
            forgiven_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX reputation_forgiven ON reputation (forgiven_at);
        CREATE TABLE ban (
            subject TEXT NOT NULL PRIMARY KEY, since INTEGER NOT NULL, until INTEGER, reason TEXT NOT NULL,
            author TEXT NOT NULL, is_earned INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX ban_end ON ban (is_earned, until);
        """
}
