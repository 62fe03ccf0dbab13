import GateLink
import GateModel
import GateStore
import NIOCore

extension StoreDispatcher {
    func workers(_ call: StoreCall) async throws(StoreFailure) -> ByteBuffer {
        switch call.method {
        case .workersRegister:
            let body = try call.read(WireRegisterWorker.self)
            try call.requireOwn(body.name)
            let registration = WorkerRegistration(
                name: body.name, linkAddress: body.linkAddress, adminAddress: body.adminAddress)
            return serialized(
                WireWorker(try await store.registerWorker(registration, lease: lease(body.leaseMilliseconds))))
        case .workersRenew:
            let body = try call.read(WireRenewWorker.self)
            try call.requireOwn(body.name)
            let row = try await store.renewWorker(
                body.name, epoch: body.epoch.epoch, load: body.load.load, lease: lease(body.leaseMilliseconds))
            return serialized(WireWorker(row))
        case .workersRemove:
            let body = try call.read(WireRemoveWorker.self)
            try call.requireOwn(body.name)
            try await store.removeWorker(body.name, epoch: body.epoch.epoch)
        case .workersDrain:
            let body = try call.read(WireSetDraining.self)
            if call.caller.role == .kernel { try call.requireOwn(body.name) }
            try await store.setDraining(body.name, body.isDraining)
        default:
            var reply = WireWorkers()
            reply.workers = fitting(try await store.workers().map(WireWorker.init))
            return serialized(reply)
        }
        return ByteBuffer()
    }

    func sessions(_ call: StoreCall) async throws(StoreFailure) -> ByteBuffer {
        switch call.method {
        case .sessionsNote:
            let body = try call.read(WireNoteSessions.self)
            try call.requireOwn(body.worker)
            let opened = try converted(body.opened) { row throws(StoreFailure) in try row.note() }
            let closed = try converted(body.closed) { stand throws(StoreFailure) in try stand.stand() }
            var reply = WireSuperseded()
            reply.sessions = try await keeper.noteSessions(
                of: body.worker, epoch: body.epoch.epoch, opened: opened, closed: closed
            ).map(\.value.data)
            return serialized(reply)
        case .sessionsResume:
            let body = try call.read(WireResume.self)
            try call.requireOwn(body.worker)
            var reply = WireResumed()
            reply.epoch = try await keeper.resumeSession(body.takeover(), proof: body.proof)
            return serialized(reply)
        case .refusalsNote:
            let rows = try converted(call.read(WireRefusals.self).refusals) { row throws(StoreFailure) in
                try row.row()
            }
            for row in rows { try call.requireOwn(row.worker) }
            try await store.noteRefusals(rows)
        case .refusalsList:
            let page = try call.read(WirePage.self)
            var reply = WireRefusals()
            reply.refusals = fitting(try await store.refusals(limit: Int(page.limit)).map(WireRefusal.init))
            return serialized(reply)
        default:
            let page = try call.read(WirePage.self)
            let after = page.hasAfter ? SessionID(try uuid(page.after)) : nil
            var reply = WireSessions()
            reply.sessions = fitting(
                try await keeper.sessions(after: after, limit: Int(page.limit)).map(WireSession.init))
            return serialized(reply)
        }
        return ByteBuffer()
    }

    func data(_ call: StoreCall) async throws(StoreFailure) -> ByteBuffer {
        switch call.method {
        case .dataGet:
            let body = try call.read(WireGetEntry.self)
            let extender = try ownData(body.extender, call)
            guard let entry = try await store.entry(Array(body.key), of: extender) else { throw .notFound }
            return serialized(WireEntry(entry))
        case .dataCommit:
            let body = try call.read(WireCommit.self)
            let extender = try ownData(body.extender, call)
            var reply = WireVersion()
            reply.version = try await store.commit(body.transaction, of: extender)
            return serialized(reply)
        case .dataUsage:
            let extender = try ownData(call.read(WireExtender.self).extender, call)
            return serialized(WireUsage(try await store.usage(of: extender)))
        case .dataQuota:
            let body = try call.read(WireSetQuota.self)
            try await store.setQuota(bytes: body.bytes, keys: body.keys, of: ownData(body.extender, call))
            return ByteBuffer()
        default:
            let body = try call.read(WireListEntries.self)
            let extender = try ownData(body.extender, call)
            var reply = WireEntries()
            reply.entries = try await store.entries(
                prefix: Array(body.prefix), after: body.hasAfter ? Array(body.after) : nil, limit: Int(body.limit),
                of: extender
            ).map(WireEntry.init)
            return serialized(reply)
        }
    }

    private func ownData(_ bytes: some Collection<UInt8>, _ call: StoreCall) throws(StoreFailure) -> ExtenderID {
        guard let value = UUIDBytes(bytes: bytes) else { throw .invalid("a UUID has 16 bytes") }
        let extender = ExtenderID(value)
        try call.requireData(of: extender)
        return extender
    }
}
