import GateLink
import GateModel
import GateStore
import NIOCore

extension StoreDispatcher {
    func reputation(_ call: StoreCall) async throws(StoreFailure) -> ByteBuffer {
        var reply = WireReputations()
        switch call.method {
        case .reputationNote:
            let charges = try converted(call.read(WireCharges.self).charges) { charge throws(StoreFailure) in
                try charge.charge()
            }
            try await store.noteCharges(charges)
            return ByteBuffer()
        case .reputationGet:
            let subjects = try converted(call.read(WireSubjects.self).subjects) { text throws(StoreFailure) in
                try subject(text)
            }
            reply.reputations = try await store.reputations(of: subjects).map(WireReputation.init)
        default:
            let (after, limit) = try page(call)
            reply.reputations = fitting(
                try await store.lowReputations(after: after, limit: limit).map(WireReputation.init))
        }
        return serialized(reply)
    }

    func bans(_ call: StoreCall) async throws(StoreFailure) -> ByteBuffer {
        switch call.method {
        case .bansGet:
            let subject = try subject(call.read(WireName.self).name)
            guard let row = try await store.ban(of: subject) else { throw .notFound }
            return serialized(WireBan(row))
        case .bansSet:
            let order = try call.read(WireSetBan.self).order()
            return serialized(WireBan(try await store.setBan(order, by: call.caller.name)))
        case .bansLift:
            try await store.liftBan(of: subject(call.read(WireName.self).name))
            return ByteBuffer()
        default:
            let (after, limit) = try page(call)
            var reply = WireBans()
            reply.bans = fitting(try await store.bans(after: after, limit: limit).map(WireBan.init))
            return serialized(reply)
        }
    }

    private func page(_ call: StoreCall) throws(StoreFailure) -> (after: AccessSubject?, limit: Int) {
        let page = try call.read(WirePage.self)
        let after = page.hasAfter ? try subject(String(decoding: page.after, as: UTF8.self)) : nil
        return (after, Int(page.limit))
    }
}
