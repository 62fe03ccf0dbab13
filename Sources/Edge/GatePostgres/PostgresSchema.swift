import GateStore

/// The schema's migrations: each runs once, in order, all in one transaction that only one process at a time may be in;
/// one that has shipped is never changed.
///
/// | table           | one row is                                                                   |
/// | --------------- | ---------------------------------------------------------------------------- |
/// | schema_version  | a migration that ran                                                         |
/// | setting_version | a version of a setting; `value` is null where it went to the default         |
/// | peer            | a node that is known; endpoints in text form, one a line                     |
/// | address_rule    | a rule about a range of addresses                                            |
/// | worker_name     | a name that ever registered, with the id it keeps                            |
/// | worker          | the newest registration of a name                                            |
/// | session         | a session; outlives its worker until `ends`; its resumption secret is sealed |
/// | refusal         | a refused or failed connection                                               |
/// | rights          | what a link name may do; UUIDs as 16 bytes each                              |
/// | data_space      | an extender's quota, usage and last version                                  |
/// | data_entry      | a key of an extender                                                         |
/// | vault           | a sealed value                                                               |
/// | change_log      | what watchers are told, by the transaction that changed it                   |
/// | change_horizon  | up to where the change log was cut                                           |
/// | reputation      | a score as of `counted_at`, forgotten at `forgiven_at`                       |
/// | ban             | a ban; until it is lifted where `until` is null                              |
/// | counter         | the generation, and the last epoch                                           |
///
/// Everything is in the schema `quantumgate`. Moments are seconds since 1970, leases milliseconds. Texts that order or
/// name something compare by their bytes (`COLLATE "C"`), as in the other stores.
enum PostgresSchema {
    /// The version that this program makes and serves.
    static let version = Int64(migrations.count)

    private static let migrations = [node + workers + extenders + reputation]

    /// Any number that nothing else on the server locks: `QGschema` in ASCII.
    private static let lock: Int64 = 0x5147_7363_6865_6d61

    /// Brings an empty or older schema up to date; `.newerSchema` where it is newer.
    static func migrate(in transaction: PostgresTransaction) throws {
        try transaction.takeTime()
        try transaction.execute("SELECT pg_advisory_xact_lock($1)::text", [.integer(lock)])
        let present = try currentVersion(in: transaction)
        guard present <= version else { throw StoreFailure.newerSchema }
        guard present < version else { return }
        if present == 0 { try transaction.run(script: foundation) }
        for index in Int(present)..<migrations.count {
            try transaction.run(script: migrations[index])
            try transaction.execute("INSERT INTO schema_version (version) VALUES ($1)", [.integer(index + 1)])
        }
    }

    /// The version in the database; 0 where there is none.
    static func currentVersion(in transaction: PostgresTransaction) throws -> Int64 {
        let known = try transaction.execute("SELECT to_regclass('quantumgate.schema_version') IS NOT NULL")
        guard try known.first({ try $0.flag() }) == true else { return 0 }
        return try transaction.execute("SELECT COALESCE(max(version), 0) FROM schema_version")
            .first { try $0.integer() } ?? 0
    }

    private static let foundation = """
        CREATE SCHEMA IF NOT EXISTS quantumgate;
        CREATE TABLE schema_version (
            version bigint PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        """

    private static let node = """
        CREATE TABLE setting_version (
            key text COLLATE "C" NOT NULL, version bigint NOT NULL, value text,
            changed_at bigint NOT NULL, changed_by text NOT NULL,
            PRIMARY KEY (key, version)
        );
        CREATE TABLE peer (
            node uuid PRIMARY KEY, bundle_hash bytea CHECK (length(bundle_hash) = 32),
            endpoints text NOT NULL, access bigint NOT NULL, is_relay boolean NOT NULL, features bigint NOT NULL,
            record bytea NOT NULL, first_seen bigint, last_seen bigint, note text NOT NULL,
            has_endpoint boolean NOT NULL GENERATED ALWAYS AS (endpoints <> '') STORED
        );
        CREATE INDEX peer_filter ON peer (access, is_relay, has_endpoint, node);
        CREATE TABLE address_rule (
            key text COLLATE "C" PRIMARY KEY, prefix bytea NOT NULL, length bigint NOT NULL, is_allowed boolean NOT NULL
        );
        CREATE TABLE vault (name text COLLATE "C" PRIMARY KEY, sealed bytea NOT NULL);
        CREATE TABLE change_log (
            xid xid8 NOT NULL DEFAULT pg_current_xact_id(), sequence bigint GENERATED ALWAYS AS IDENTITY,
            topic text NOT NULL, key text NOT NULL,
            PRIMARY KEY (xid, sequence)
        );
        CREATE TABLE change_horizon (
            is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only), xid xid8 NOT NULL, sequence bigint NOT NULL
        );
        INSERT INTO change_horizon (xid, sequence) VALUES ('0', 0);
        CREATE TABLE counter (name text COLLATE "C" PRIMARY KEY, value bigint NOT NULL);
        INSERT INTO counter (name, value) VALUES ('generation', 1), ('epoch', 0);

        """

    private static let workers = """
        CREATE TABLE worker_name (
            id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name text COLLATE "C" NOT NULL UNIQUE
        );
        CREATE TABLE worker (
            name text COLLATE "C" PRIMARY KEY, id bigint NOT NULL REFERENCES worker_name (id),
            link_address text NOT NULL, admin_address text NOT NULL,
            generation bigint NOT NULL, timeline bigint NOT NULL, counter bigint NOT NULL,
            sessions bigint NOT NULL, circuits bigint NOT NULL, streams bigint NOT NULL,
            is_draining boolean NOT NULL, lease_ends bigint NOT NULL
        );
        CREATE TABLE session (
            id uuid PRIMARY KEY, epoch bigint NOT NULL, worker text COLLATE "C" NOT NULL, peer uuid,
            is_relayed boolean NOT NULL, is_inbound boolean NOT NULL, since bigint NOT NULL,
            secret bytea NOT NULL, ends bigint
        );
        CREATE INDEX session_worker ON session (worker);
        CREATE INDEX session_ends ON session (ends) WHERE ends IS NOT NULL;
        CREATE TABLE refusal (
            sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at bigint NOT NULL, is_inbound boolean NOT NULL,
            node uuid, address text NOT NULL, reason text NOT NULL, worker text NOT NULL
        );

        """

    private static let extenders = """
        CREATE TABLE rights (
            name text COLLATE "C" PRIMARY KEY, extenders bytea NOT NULL, setting_prefixes text NOT NULL,
            may_connect boolean NOT NULL, is_revoked boolean NOT NULL
        );
        CREATE TABLE data_space (
            extender uuid PRIMARY KEY, last_version bigint NOT NULL, bytes bigint NOT NULL, keys bigint NOT NULL,
            bytes_maximum bigint NOT NULL, keys_maximum bigint NOT NULL
        );
        CREATE TABLE data_entry (
            extender uuid NOT NULL REFERENCES data_space (extender), key bytea NOT NULL, value bytea NOT NULL,
            version bigint NOT NULL,
            PRIMARY KEY (extender, key)
        );

        """

    private static let reputation = """
        CREATE TABLE reputation (
            subject text COLLATE "C" PRIMARY KEY, score bigint NOT NULL, counted_at bigint NOT NULL,
            forgiven_at bigint NOT NULL
        );
        CREATE INDEX reputation_forgiven ON reputation (forgiven_at);
        CREATE TABLE ban (
            subject text COLLATE "C" PRIMARY KEY, since bigint NOT NULL, until bigint, reason text NOT NULL,
            author text NOT NULL, is_earned boolean NOT NULL
        );
        CREATE INDEX ban_end ON ban (is_earned, until);
        """
}
