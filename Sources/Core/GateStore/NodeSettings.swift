import GateAccess

/// The catalogue of node settings: what all workers of a node share, kept in the database, changed while running.
///
/// Local settings (listen addresses, paths, logs) are of each process and have their home in its file.
package enum NodeSettings {
    package static let accessDefault = SettingKey<AccessDefault>(
        "access.default", .deny, "What happens to a peer that is neither allowed nor denied by its UUID.")
    package static let accessAnonymous = SettingKey(
        "access.anonymous", false,
        "Whether initiators without a certificate may open a session with this node as its destination.")
    package static let relayEnabled = SettingKey(
        "relay.enabled", false, "Whether this node carries circuits of peers that may connect to it.")
    package static let relayAllowPrivate = SettingKey(
        "relay.allow-private-addresses", false,
        "Whether circuits may use private, local or special addresses, and relays of one network. For test networks only."
    )
    package static let relayHops = SettingKey(
        "relay.hops", 2, in: 0...8,
        "How many relays stand between this node and a peer where an extender asks for the usual.")
    package static let relayDialsPerCircuit = SettingKey(
        "relay.dials-per-circuit", 4, in: 1...64,
        "How often one circuit may have this node reach for a next node before it is closed.")
    package static let circuitsPerPeer = SettingKey(
        "circuits.per-peer", 256, in: 1...65_535, "How many circuits one neighbour may have open through this node.")
    package static let circuitsMaximum = SettingKey(
        "circuits.maximum", 10_000, in: 1...1_000_000, "How many circuits one worker carries for others.")
    package static let circuitTimeout = SettingKey(
        "circuits.build-timeout", .seconds(15), in: .seconds(1)...Duration.seconds(300),
        "How long the building of a whole circuit of this node may take.")
    package static let circuitIdle = SettingKey(
        "circuits.idle-timeout", .seconds(600), in: .seconds(10)...Duration.seconds(86_400),
        "How long a circuit without a stream is kept.")

    package static let socksHops = SettingKey(
        "socks5.hops", 2, in: 0...8,
        "How many relays stand between this node and an exit, unless a client's username says otherwise.")
    package static let socksExitNodes = SettingKey(
        "socks5.exit-nodes", NodeList(),
        "The nodes that socks5 goes out through, unless a client's username says otherwise.")
    package static let socksExit = SettingKey<ExitPolicy>(
        "socks5.exit", .off, "For whom socks5 opens connections to the outside from this node.")
    package static let socksExitAllowPrivate = SettingKey(
        "socks5.exit-allow-private", false,
        "Whether the exit connects to private, local and own addresses. Opens your network to those it serves.")
    package static let socksExitTimeout = SettingKey(
        "socks5.exit-connect-timeout", .seconds(20), in: .seconds(1)...Duration.seconds(120),
        "How long the exit tries to reach a target.")

    package static let handshakeTimeout = SettingKey(
        "handshake.timeout", .seconds(10), in: .seconds(1)...Duration.seconds(120),
        "How long a handshake may take in all. Smaller frees slow attackers' places sooner.")
    package static let handshakeHalfOpen = SettingKey(
        "handshake.half-open-maximum", 1024, in: 16...1_000_000,
        "How many unfinished handshakes one worker holds; beyond, new connections are closed at once.")
    package static let handshakePerAddress = SettingKey(
        "handshake.per-address-maximum", 256, in: 1...1_000_000,
        "How many unfinished handshakes one address may have with one worker.")
    package static let handshakeFreeAttempts = SettingKey(
        "handshake.free-attempts", 2, in: 1...1_000_000,
        "How many connections one address may open in ten seconds before each costs it two seconds of waiting.")
    package static let handshakePuzzleThreshold = SettingKey(
        "handshake.puzzle-threshold", 1024, in: 0...1_000_000,
        "How many answers to openings, given up by those who got them, in the time of `handshake.timeout` have a worker answer with puzzles. 0: it never does."
    )
    package static let reputationEnabled = SettingKey(
        "reputation.enabled", true,
        "Whether faults cost reputation, and who has none left is banned until it has. Bans by hand hold either way.")
    package static let reputationMinor = SettingKey(
        "reputation.minor", ReputationPolicy().minor, in: 0...3100,
        "Points that a minor fault costs. Everybody begins with 100 and is banned at 0; 0: nothing.")
    package static let reputationModerate = SettingKey(
        "reputation.moderate", ReputationPolicy().moderate, in: 0...3100,
        "Points that a moderate fault costs, such as exceeding a credit.")
    package static let reputationSevere = SettingKey(
        "reputation.severe", ReputationPolicy().severe, in: 0...3100,
        "Points that a severe fault costs, such as breaking the protocol. From 100 on one is enough for a ban.")
    package static let reputationRecovery = SettingKey(
        "reputation.recovery", ReputationPolicy().recovery, in: 1...3000,
        "Points that come back in ten minutes. With 20 a severe fault bans for about 50 minutes, and the worst is forgiven in 26 hours."
    )
    package static let suiteKEM = SettingKey<Preference<KEMChoice>>(
        preferring: "suite.kem",
        "The post-quantum key exchanges that this node takes, the one that it dials with first. No other is accepted.")
    package static let suiteCipher = SettingKey<Preference<CipherChoice>>(
        preferring: "suite.cipher",
        "The ciphers that this node takes, the one that it dials with first. No other is accepted.")
    package static let suiteHash = SettingKey<Preference<HashChoice>>(
        preferring: "suite.hash",
        "The hashes that this node takes, the one that it dials with first. No other is accepted.")

    package static let sessionsMaximum = SettingKey(
        "sessions.maximum", 20_000, in: 1...10_000_000, "How many sessions one worker holds.")
    package static let sessionsPerPeer = SettingKey(
        "sessions.per-peer", 256, in: 2...1_000_000,
        "How many sessions one worker holds with one node, those over circuits included.")
    package static let sessionsWaiting = SettingKey(
        "sessions.waiting-maximum", 256 << 20, in: (16 << 20)...(1 << 40),
        "Bytes that wait for peers in all sessions of one worker; beyond, those end whose peers read slowest.")
    package static let resumeWindow = SettingKey(
        "sessions.resume-window", .seconds(30), in: .seconds(1)...Duration.seconds(600),
        "How long a session whose connection broke may go on over another; then its streams are reset.")
    package static let sessionsPerIPv4Subnet = SettingKey(
        "sessions.per-ipv4-subnet", 1024, in: 0...1_000_000,
        "How many connections, handshakes and sessions together, one IPv4 /24 may have with one worker. 0: any number.")
    package static let sessionsPerIPv6Subnet = SettingKey(
        "sessions.per-ipv6-subnet", 1024, in: 0...1_000_000,
        "How many connections, handshakes and sessions together, one IPv6 /48 may have with one worker. 0: any number.")
    package static let pingInterval = SettingKey(
        "ping.interval", .seconds(25), in: .seconds(1)...Duration.seconds(3600),
        "How long a session is silent before it is pinged. Keeps address translators awake.")
    package static let pingTimeout = SettingKey(
        "ping.timeout", .seconds(20), in: .seconds(1)...Duration.seconds(3600),
        "How long a ping may stay unanswered before the session ends.")

    package static let keyLifetimeMinimum = SettingKey(
        "keys.update-minimum", .seconds(300), in: .seconds(2)...Duration.seconds(86_400),
        "The least age at which a session's keys are replaced by fresh ones.")
    package static let keyLifetimeMaximum = SettingKey(
        "keys.update-maximum", .seconds(1200), in: .seconds(2)...Duration.seconds(86_400),
        "The age at which a session's keys are replaced at the latest. Each epoch draws a time between both.")
    package static let keyVolume = SettingKey(
        "keys.update-volume", 4 << 30, in: (1 << 20)...(1 << 40),
        "Bytes that a session sends with its keys before it asks for fresh ones, once in two seconds at most.")
    package static let keyUpdateTimeout = SettingKey(
        "keys.update-timeout", .seconds(240), in: .seconds(10)...Duration.seconds(3600),
        "How long a key update may take before the session ends.")

    package static let workerLease = SettingKey(
        "worker.lease", .seconds(30), in: .seconds(3)...Duration.seconds(600),
        "How long a worker counts as alive after it was last heard of.")
    package static let certificateLifetime = SettingKey(
        "certificate.lifetime", .seconds(86_400), in: .seconds(600)...Duration.seconds(86_400),
        "How long a worker's certificate is valid; renewed at half of it.")
    package static let recordLifetime = SettingKey(
        "record.lifetime", .seconds(2_592_000), in: .seconds(600)...Duration.seconds(2_592_000),
        "How long this node's signed address record is valid.")

    /// Every setting, in the order of its key.
    package static let all: [SettingDefinition] =
        (access + relay + exit + handshake + reputation + session + cover + lifetimes).sorted { $0.key < $1.key }

    /// The setting of that key; throws if there is none.
    package static func definition(of key: String) throws(StoreFailure) -> SettingDefinition {
        guard let definition = byKey[key] else { throw .invalid("there is no setting '\(key.prefix(64))'") }
        return definition
    }

    private static let access = [accessDefault.definition, accessAnonymous.definition]
    private static let relay = [
        relayEnabled.definition, relayAllowPrivate.definition, relayHops.definition, relayDialsPerCircuit.definition,
        circuitsPerPeer.definition, circuitsMaximum.definition, circuitTimeout.definition, circuitIdle.definition,
    ]
    private static let exit = [
        socksHops.definition, socksExitNodes.definition, socksExit.definition, socksExitAllowPrivate.definition,
        socksExitTimeout.definition,
    ]
    private static let handshake = [
        handshakeTimeout.definition, handshakeHalfOpen.definition, handshakePerAddress.definition,
        handshakeFreeAttempts.definition, handshakePuzzleThreshold.definition,
        suiteKEM.definition, suiteCipher.definition, suiteHash.definition,
    ]
    private static let reputation = [
        reputationEnabled.definition, reputationMinor.definition, reputationModerate.definition,
        reputationSevere.definition, reputationRecovery.definition,
    ]
    private static let session = [
        sessionsMaximum.definition, sessionsPerPeer.definition, sessionsPerIPv4Subnet.definition,
        sessionsPerIPv6Subnet.definition, sessionsWaiting.definition, resumeWindow.definition, pingInterval.definition,
        pingTimeout.definition, keyLifetimeMinimum.definition, keyLifetimeMaximum.definition, keyVolume.definition,
        keyUpdateTimeout.definition,
    ]
    private static let lifetimes = [
        workerLease.definition, certificateLifetime.definition, recordLifetime.definition,
    ]
    private static let byKey = Dictionary(uniqueKeysWithValues: all.map { ($0.key, $0) })
}
