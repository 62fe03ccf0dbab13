import Foundation
import GateModel
import GateStore

extension WireEpoch {
    init(_ epoch: WorkerEpoch) {
        self.init()
        generation = epoch.generation
        timeline = epoch.timeline
        counter = epoch.counter
    }

    var epoch: WorkerEpoch { WorkerEpoch(generation: generation, timeline: timeline, counter: counter) }
}

extension WireLoad {
    init(_ load: WorkerLoad) {
        self.init()
        sessions = load.sessions
        circuits = load.circuits
        streams = load.streams
    }

    var load: WorkerLoad { WorkerLoad(sessions: sessions, circuits: circuits, streams: streams) }
}

extension WireWorker {
    init(_ row: WorkerRow) {
        self.init()
        name = row.registration.name
        linkAddress = row.registration.linkAddress
        adminAddress = row.registration.adminAddress
        id = row.id
        epoch = WireEpoch(row.epoch)
        load = WireLoad(row.load)
        isDraining = row.isDraining
        leaseMilliseconds = row.leaseLeft.wholeMilliseconds
    }

    var row: WorkerRow {
        WorkerRow(
            registration: WorkerRegistration(name: name, linkAddress: linkAddress, adminAddress: adminAddress),
            id: id, epoch: epoch.epoch, load: load.load, isDraining: isDraining,
            leaseLeft: .milliseconds(leaseMilliseconds))
    }
}

extension WireSession {
    init(_ row: SessionRow) {
        self.init()
        id = row.id.value.data
        if let peer = row.peer { self.peer = peer.value.data }
        worker = row.worker
        isRelayed = row.isRelayed
        isInbound = row.isInbound
        since = row.since.seconds
        epoch = row.epoch
    }

    init(_ note: SessionNote) {
        self.init(note.row)
        secret = Data(note.secret)
    }

    func note() throws(StoreFailure) -> SessionNote { SessionNote(row: try row(), secret: Array(secret)) }

    func row() throws(StoreFailure) -> SessionRow {
        SessionRow(
            id: SessionID(try uuid(id)), epoch: epoch, peer: hasPeer ? NodeUUID(try uuid(peer)) : nil, worker: worker,
            isRelayed: isRelayed, isInbound: isInbound, since: UnixTime(seconds: since))
    }
}

extension WireStand {
    init(_ stand: SessionStand) {
        self.init()
        session = stand.id.value.data
        epoch = stand.epoch
    }

    func stand() throws(StoreFailure) -> SessionStand {
        SessionStand(id: SessionID(try uuid(session)), epoch: epoch)
    }
}

extension WireResume {
    init(_ takeover: SessionTakeover, _ proof: SessionProof) {
        self.init()
        worker = takeover.worker
        epoch = WireEpoch(takeover.workerEpoch)
        session = takeover.id.value.data
        if let peer = takeover.peer { self.peer = peer.value.data }
        code = Data(proof.code)
        handshakeHash = Data(proof.handshakeHash)
        secret = Data(takeover.secret)
    }

    func takeover() throws(StoreFailure) -> SessionTakeover {
        SessionTakeover(
            id: SessionID(try uuid(session)), peer: hasPeer ? NodeUUID(try uuid(peer)) : nil, worker: worker,
            workerEpoch: epoch.epoch, secret: Array(secret))
    }

    var proof: SessionProof { SessionProof(code: Array(code), handshakeHash: Array(handshakeHash)) }
}

extension WireRefusal {
    init(_ row: RefusalRow) {
        self.init()
        at = row.at.seconds
        isInbound = row.isInbound
        if let node = row.node { self.node = node.value.data }
        address = row.address
        reason = row.reason
        worker = row.worker
    }

    func row() throws(StoreFailure) -> RefusalRow {
        RefusalRow(
            at: UnixTime(seconds: at), isInbound: isInbound, node: hasNode ? NodeUUID(try uuid(node)) : nil,
            address: address, reason: reason, worker: worker)
    }
}

extension WireEntry {
    init(_ entry: DataEntry) {
        self.init()
        key = Data(entry.key)
        value = Data(entry.value)
        version = entry.version
    }

    var entry: DataEntry { DataEntry(key: Array(key), value: Array(value), version: version) }
}

extension WireCommit {
    init(_ transaction: DataTransaction, of extender: ExtenderID) {
        self.init()
        self.extender = extender.value.data
        conditions = transaction.conditions.map { condition in
            var wire = WireCondition()
            wire.key = Data(condition.key)
            wire.version = condition.version
            return wire
        }
        writes = transaction.changes.map { change in
            var wire = WireWrite()
            wire.key = Data(change.key)
            if case .put(_, let value) = change { wire.value = Data(value) }
            return wire
        }
    }

    var transaction: DataTransaction {
        DataTransaction(
            conditions: conditions.map { DataCondition(key: Array($0.key), version: $0.version) },
            changes: writes.map { write in
                let key = Array(write.key)
                return write.hasValue ? .put(key: key, value: Array(write.value)) : .delete(key: key)
            })
    }
}

extension WireUsage {
    init(_ usage: DataUsage) {
        self.init()
        bytes = usage.bytes
        keys = usage.keys
        bytesMaximum = usage.bytesMaximum
        keysMaximum = usage.keysMaximum
    }

    var usage: DataUsage {
        DataUsage(bytes: bytes, keys: keys, bytesMaximum: bytesMaximum, keysMaximum: keysMaximum)
    }
}

extension WireTopic {
    init(_ topic: StoreTopic) {
        self.init()
        switch topic {
        case .settings: kind = 1
        case .peers: kind = 2
        case .addressRules: kind = 3
        case .workers: kind = 4
        case .rights: kind = 5
        case .data(let extender):
            kind = 6
            self.extender = extender.value.data
        case .bans: kind = 7
        }
    }

    func topic() throws(StoreFailure) -> StoreTopic {
        switch kind {
        case 1: .settings
        case 2: .peers
        case 3: .addressRules
        case 4: .workers
        case 5: .rights
        case 6: .data(ExtenderID(try uuid(extender)))
        case 7: .bans
        default: throw .invalid("there is no such topic")
        }
    }
}

extension WireChange {
    init(_ change: StoreChange) {
        self.init()
        guard case .changed(let topic, let key) = change else { return }
        self.topic = WireTopic(topic)
        self.key = key
    }

    func change() throws(StoreFailure) -> StoreChange {
        hasTopic ? .changed(try topic.topic(), key: key) : .resynchronise
    }
}
