import GateLinkStore
import GateModel
import GateStore

/// Every request that our client can make, once; what the role may not do is refused, and that is fine here.
enum StoreConversation {
    static func hold(_ store: LinkStore) async {
        await settings(store)
        await peers(store)
        await reputation(store)
        await workers(store)
        await data(store)
        await identity(store)
        _ = try? await store.changes(of: [.settings, .peers, .bans, .workers, .data(StoreInput.extender)])
    }

    private static func settings(_ store: LinkStore) async {
        _ = try? await store.settings()
        _ = try? await store.set("relay.hops", to: "4", by: "ada", expecting: 1)
        _ = try? await store.set("relay.hops", to: nil, by: "ada", expecting: nil)
        _ = try? await store.history(of: "relay.hops")
        if let prefix = IPAddress(bytes: [10, 0, 0, 0]),
            let rule = AddressRule(prefix: prefix, length: 8, isAllowed: true)
        {
            try? await store.setAddressRule(rule)
            _ = try? await store.addressRules()
            try? await store.removeAddressRule(rule)
        }
        _ = try? await store.rights(of: "kernel/kernel-1")
        _ = try? await store.allRights(after: "kernel", limit: 10)
        try? await store.setRights(
            RightsRow(name: "extender-2", extenders: [StoreInput.extender], settingPrefixes: ["socks5."]))
        try? await store.removeRights(of: "extender-2")
    }

    private static func peers(_ store: LinkStore) async {
        let node = StoreInput.node
        _ = try? await store.peer(node)
        _ = try? await store.peers(PeerFilter(access: .allowed, isRelay: true), after: node, limit: 10)
        let edit = PeerEdit(
            endpoints: [Endpoint(host: "example.org", port: 7700)], access: .denied, isRelay: true, note: "note",
            record: [1, 2])
        _ = try? await store.editPeer(node, edit)
        let sighting = PeerSighting(
            node: node, bundleHash: [UInt8](repeating: 3, count: 32), features: 5, isRelay: true, record: [9],
            at: UnixTime(seconds: 100))
        _ = try? await store.notePeers([sighting])
        try? await store.removePeer(node)
    }

    private static func reputation(_ store: LinkStore) async {
        let (node, host) = (AccessSubject.node(StoreInput.node), AccessSubject.host(.v4(0xcb00_7107)))
        try? await store.noteCharges([
            ReputationCharge(subject: node, points: 200), ReputationCharge(subject: host, points: 20),
        ])
        _ = try? await store.reputations(of: [node, host])
        _ = try? await store.lowReputations(after: host, limit: 10)
        _ = try? await store.setBan(BanOrder(subject: host, length: .seconds(60), reason: "floods"), by: "ada")
        _ = try? await store.ban(of: host)
        _ = try? await store.bans(after: host, limit: 10)
        try? await store.liftBan(of: host)
    }

    private static func workers(_ store: LinkStore) async {
        let (name, lease) = (StoreInput.worker.name, Duration.seconds(30))
        let row = try? await store.registerWorker(StoreInput.worker, lease: lease)
        let epoch = row?.epoch ?? WorkerEpoch(generation: 0, timeline: 0, counter: 1)
        let load = WorkerLoad(sessions: 1, circuits: 2, streams: 3)
        _ = try? await store.renewWorker(name, epoch: epoch, load: load, lease: lease)
        _ = try? await store.workers()
        let session = SessionRow(
            id: SessionID(.numbered(3)), peer: StoreInput.node, worker: name, isRelayed: false, isInbound: true,
            since: UnixTime(seconds: 7))
        _ = try? await store.noteSessions(
            of: name, epoch: epoch,
            opened: [SessionNote(row: session, secret: [UInt8](repeating: 5, count: 32))],
            closed: [SessionStand(id: SessionID(.numbered(4)), epoch: 1)])
        let takeover = SessionTakeover(
            id: session.id, peer: StoreInput.node, worker: name, workerEpoch: epoch,
            secret: [UInt8](repeating: 6, count: 32))
        let proof = SessionProof(
            code: [UInt8](repeating: 7, count: 32), handshakeHash: [UInt8](repeating: 8, count: 32))
        _ = try? await store.resumeSession(takeover, proof: proof)
        _ = try? await store.sessions(after: SessionID(.numbered(3)), limit: 10)
        let refusal = RefusalRow(
            at: UnixTime(seconds: 7), isInbound: true, node: StoreInput.node, address: "[::1]:7", reason: "late",
            worker: name)
        try? await store.noteRefusals([refusal])
        _ = try? await store.refusals(limit: 10)
        try? await store.setDraining(name, true)
        try? await store.removeWorker(name, epoch: epoch)
    }

    private static func data(_ store: LinkStore) async {
        let extender = StoreInput.extender
        _ = try? await store.entry([1], of: extender)
        _ = try? await store.entries(prefix: [1], after: [1, 0], limit: 10, of: extender)
        let transaction = DataTransaction(
            conditions: [DataCondition(key: [3], version: 0)],
            changes: [.put(key: [2], value: [2]), .delete(key: [1])])
        _ = try? await store.commit(transaction, of: extender)
        _ = try? await store.usage(of: extender)
        try? await store.setQuota(bytes: 1000, keys: 10, of: extender)
    }

    private static func identity(_ store: LinkStore) async {
        _ = try? await store.identityBundle()
        _ = try? await store.challengeWorker(StoreInput.worker.name)
        let request = CertificationRequest(
            challenge: 7, staticKey: [UInt8](repeating: 1, count: 32), proof: [9], features: 1)
        _ = try? await store.certifyWorker(StoreInput.worker.name, request)
        _ = try? await store.issueRecord(endpoints: [Endpoint(host: "::1", port: 1)], isRelay: true)
    }
}
