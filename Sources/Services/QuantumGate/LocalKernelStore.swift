import GateDatabase
import GateModel
import GateStore

/// The stores and the vault of a database in this process, as one worker uses them: without a link, unchecked rights.
struct LocalKernelStore: KernelStore {
    private let store: any OpenedStore
    private let vault: IdentityVault

    init(_ database: NodeDatabase) {
        store = database.store
        vault = database.vault
    }

    func changes(of topics: Set<StoreTopic>) async throws(StoreFailure) -> AsyncStream<StoreChange> {
        try await store.changes(of: topics)
    }
}

extension LocalKernelStore {
    func identityBundle() async throws(StoreFailure) -> [UInt8] { await vault.identityBundle() }

    func challengeWorker(_ name: String) async throws(StoreFailure) -> CertificationChallenge {
        try await vault.challengeWorker(name)
    }

    func certifyWorker(
        _ name: String, _ request: CertificationRequest
    ) async throws(StoreFailure) -> CertifiedWorker {
        try await vault.certifyWorker(name, request)
    }

    func issueRecord(endpoints: [Endpoint], isRelay: Bool) async throws(StoreFailure) -> [UInt8] {
        try await vault.issueRecord(endpoints: endpoints, isRelay: isRelay)
    }
}

extension LocalKernelStore {
    func settings() async throws(StoreFailure) -> [SettingRow] { try await store.settings() }

    func set(
        _ key: String, to value: String?, by author: String, expecting version: Int64?
    ) async throws(StoreFailure) -> SettingRow {
        try await store.set(key, to: value, by: author, expecting: version)
    }

    func history(of key: String) async throws(StoreFailure) -> [SettingRow] { try await store.history(of: key) }

    func addressRules() async throws(StoreFailure) -> [AddressRule] { try await store.addressRules() }

    func setAddressRule(_ rule: AddressRule) async throws(StoreFailure) { try await store.setAddressRule(rule) }

    func removeAddressRule(_ rule: AddressRule) async throws(StoreFailure) {
        try await store.removeAddressRule(rule)
    }

    func rights(of name: String) async throws(StoreFailure) -> RightsRow? { try await store.rights(of: name) }

    func allRights(after: String?, limit: Int) async throws(StoreFailure) -> [RightsRow] {
        try await store.allRights(after: after, limit: limit)
    }

    func setRights(_ rights: RightsRow) async throws(StoreFailure) { try await store.setRights(rights) }

    func removeRights(of name: String) async throws(StoreFailure) { try await store.removeRights(of: name) }
}

extension LocalKernelStore {
    func peer(_ node: NodeUUID) async throws(StoreFailure) -> PeerRow? { try await store.peer(node) }

    func peers(_ filter: PeerFilter, after: NodeUUID?, limit: Int) async throws(StoreFailure) -> [PeerRow] {
        try await store.peers(filter, after: after, limit: limit)
    }

    func editPeer(_ node: NodeUUID, _ edit: PeerEdit) async throws(StoreFailure) -> PeerRow {
        try await store.editPeer(node, edit)
    }

    func removePeer(_ node: NodeUUID) async throws(StoreFailure) { try await store.removePeer(node) }

    func notePeers(_ sightings: [PeerSighting]) async throws(StoreFailure) -> [NodeUUID] {
        try await store.notePeers(sightings)
    }
}

extension LocalKernelStore {
    func registerWorker(
        _ registration: WorkerRegistration, lease: Duration
    ) async throws(StoreFailure) -> WorkerRow {
        try await store.registerWorker(registration, lease: lease)
    }

    func renewWorker(
        _ name: String, epoch: WorkerEpoch, load: WorkerLoad, lease: Duration
    ) async throws(StoreFailure) -> WorkerRow {
        try await store.renewWorker(name, epoch: epoch, load: load, lease: lease)
    }

    func removeWorker(_ name: String, epoch: WorkerEpoch) async throws(StoreFailure) {
        try await store.removeWorker(name, epoch: epoch)
    }

    func setDraining(_ name: String, _ isDraining: Bool) async throws(StoreFailure) {
        try await store.setDraining(name, isDraining)
    }

    func workers() async throws(StoreFailure) -> [WorkerRow] { try await store.workers() }

    func noteSessions(
        of worker: String, epoch: WorkerEpoch, opened: [SessionNote], closed: [SessionStand]
    ) async throws(StoreFailure) -> [SessionID] {
        try await vault.noteSessions(of: worker, epoch: epoch, opened: opened, closed: closed)
    }

    func sessions(after: SessionID?, limit: Int) async throws(StoreFailure) -> [SessionRow] {
        try await store.sessions(after: after, limit: limit)
    }

    func resumeSession(_ takeover: SessionTakeover, proof: SessionProof) async throws(StoreFailure) -> UInt32 {
        try await vault.resumeSession(takeover, proof: proof)
    }

    func noteRefusals(_ refusals: [RefusalRow]) async throws(StoreFailure) { try await store.noteRefusals(refusals) }

    func refusals(limit: Int) async throws(StoreFailure) -> [RefusalRow] { try await store.refusals(limit: limit) }
}

extension LocalKernelStore {
    func noteCharges(_ charges: [ReputationCharge]) async throws(StoreFailure) { try await store.noteCharges(charges) }

    func reputations(of subjects: [AccessSubject]) async throws(StoreFailure) -> [ReputationRow] {
        try await store.reputations(of: subjects)
    }

    func lowReputations(after: AccessSubject?, limit: Int) async throws(StoreFailure) -> [ReputationRow] {
        try await store.lowReputations(after: after, limit: limit)
    }

    func ban(of subject: AccessSubject) async throws(StoreFailure) -> BanRow? { try await store.ban(of: subject) }

    func bans(after: AccessSubject?, limit: Int) async throws(StoreFailure) -> [BanRow] {
        try await store.bans(after: after, limit: limit)
    }

    func setBan(_ order: BanOrder, by author: String) async throws(StoreFailure) -> BanRow {
        try await store.setBan(order, by: author)
    }

    func liftBan(of subject: AccessSubject) async throws(StoreFailure) { try await store.liftBan(of: subject) }
}
