import GateAccess
package import GateCrypto
import GateModel
package import GateStore
import Synchronization

/// A whole node's store in memory: the fake that tests use, held to the same contract as the real ones.
package actor MemoryStore: SettingsStore, AccessStore, RightsStore, VaultStore, ChangeFeed {
    struct Worker {
        var registration: WorkerRegistration
        var id: UInt64
        var epoch: WorkerEpoch
        var load: WorkerLoad
        var isDraining: Bool
        var leaseEnds: Int64
    }

    struct ExtenderData {
        var entries: [[UInt8]: DataEntry] = [:]
        var lastVersion: Int64 = 0
        var bytesMaximum = StoreLimit.dataQuotaBytes
        var keysMaximum = StoreLimit.dataQuotaKeys
    }

    let clock: StoreClock
    let hub = ChangeHub()
    private var settingVersions: [String: [SettingRow]] = [:]
    private var rules: [String: AddressRule] = [:]
    private var rights: [String: RightsRow] = [:]
    private var vault: [String: [UInt8]] = [:]
    var peers: [NodeUUID: PeerRow] = [:]
    var registered: [String: Worker] = [:]
    var workerIDs: [String: UInt64] = [:]
    var lastEpoch: UInt64 = 0
    var sessions: [SessionID: HeldSession] = [:]
    var sessionAnswers = SessionAnswers.all
    var refusals: [RefusalRow] = []
    var data: [ExtenderID: ExtenderData] = [:]
    var reputations: [AccessSubject: Reputation] = [:]
    var bans: [AccessSubject: BanRow] = [:]

    var challenges: [UInt64: Challenge] = [:]
    /// The node's identity, with which it certifies workers.
    let identity: IdentityKey?

    /// An empty store on the given clock; with an identity it certifies workers, too.
    package init(clock: @escaping StoreClock, identity: IdentityKey? = nil) {
        self.clock = clock
        self.identity = identity
    }

    var now: UnixTime { UnixTime(seconds: clock() / 1000) }

    package func changes(of topics: Set<StoreTopic>) async -> AsyncStream<StoreChange> { await hub.watch(topics) }

    package func settings() -> [SettingRow] {
        settingVersions.values.compactMap(\.last).sorted { $0.key < $1.key }
    }

    package func set(_ key: String, to value: String?, by author: String, expecting version: Int64?)
        async throws(StoreFailure) -> SettingRow
    {
        let next = try nextVersion(
            of: key, value: value, author: author, newest: settingVersions[key]?.last?.version, expecting: version)
        let row = SettingRow(key: key, value: value, version: next, changedAt: now, changedBy: author)
        settingVersions[key, default: []].append(row)
        settingVersions[key] = settingVersions[key]?.suffix(StoreLimit.settingHistoryRows)
        await hub.publish([.changed(.settings, key: key)])
        return row
    }

    package func history(of key: String) throws(StoreFailure) -> [SettingRow] {
        _ = try NodeSettings.definition(of: key)
        return settingVersions[key, default: []].reversed()
    }

    package func addressRules() -> [AddressRule] { rules.values.sorted { $0.key < $1.key } }

    package func setAddressRule(_ rule: AddressRule) async throws(StoreFailure) {
        guard rules[rule.key] != nil || rules.count < StoreLimit.addressRules else { throw .quotaExceeded }
        rules[rule.key] = rule
        await hub.publish([.changed(.addressRules, key: rule.key)])
    }

    package func removeAddressRule(_ rule: AddressRule) async throws(StoreFailure) {
        guard rules.removeValue(forKey: rule.key) != nil else { throw .notFound }
        await hub.publish([.changed(.addressRules, key: rule.key)])
    }

    package func rights(of name: String) -> RightsRow? { rights[name] }

    package func allRights(after: String?, limit: Int) -> [RightsRow] {
        let names = rights.keys.filter { name in after.map { name > $0 } ?? true }.sorted()
        return names.prefix(pageLimit(limit)).compactMap { rights[$0] }
    }

    package func setRights(_ rights: RightsRow) async throws(StoreFailure) {
        try rights.check()
        self.rights[rights.name] = rights
        await hub.publish([.changed(.rights, key: rights.name)])
    }

    package func removeRights(of name: String) async throws(StoreFailure) {
        guard rights.removeValue(forKey: name) != nil else { throw .notFound }
        await hub.publish([.changed(.rights, key: name)])
    }

    package func vaultRow(_ name: String) -> [UInt8]? { vault[name] }

    package func workerID(of name: String) throws(StoreFailure) -> UInt64 {
        try checkName(name)
        let id = workerIDs[name] ?? UInt64(workerIDs.count + 1)
        workerIDs[name] = id
        return id
    }

    package func putVaultRow(_ name: String, _ sealed: [UInt8], replacing: Bool) throws(StoreFailure) {
        try checkName(name)
        try checkCount(sealed.count, of: "bytes of a vault row", atMost: StoreLimit.vaultRowBytes)
        guard replacing || vault[name] == nil else { throw .conflict }
        vault[name] = sealed
    }
}

/// A clock that tests turn.
package final class ManualStoreClock: Sendable {
    private let milliseconds: Mutex<Int64>

    /// Starts at a moment of 2033.
    package init() { milliseconds = Mutex(2_000_000_000_000) }

    /// The present, as stores ask for it.
    package var read: StoreClock { { self.milliseconds.withLock { $0 } } }

    /// Turns the clock forward.
    package func advance(by duration: Duration) {
        milliseconds.withLock { $0 += duration.wholeMilliseconds }
    }
}
