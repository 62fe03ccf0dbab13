import GateLink
import GateModel
import GateStore
import NIOCore

extension StoreDispatcher {
    func settings(_ call: StoreCall) async throws(StoreFailure) -> ByteBuffer {
        var reply = WireSettings()
        switch call.method {
        case .settingsSet:
            let body = try call.read(WireSetSetting.self)
            let row = try await store.set(
                body.key, to: body.hasValue ? body.value : nil, by: call.caller.name,
                expecting: body.hasExpecting ? body.expecting : nil)
            reply.settings = [WireSetting(row)]
        case .settingsHistory:
            reply.settings = try await store.history(of: call.read(WireName.self).name).map(WireSetting.init)
        default:
            reply.settings = try await store.settings().filter { call.mayRead(setting: $0.key) }.map(WireSetting.init)
        }
        return serialized(reply)
    }

    func access(_ call: StoreCall) async throws(StoreFailure) -> ByteBuffer {
        switch call.method {
        case .accessSet: try await store.setAddressRule(call.read(WireAddressRule.self).rule())
        case .accessRemove: try await store.removeAddressRule(call.read(WireAddressRule.self).rule())
        default:
            var reply = WireAddressRules()
            reply.rules = try await store.addressRules().map(WireAddressRule.init)
            return serialized(reply)
        }
        return ByteBuffer()
    }

    func rights(_ call: StoreCall) async throws(StoreFailure) -> ByteBuffer {
        var reply = WireManyRights()
        switch call.method {
        case .rightsSet: try await store.setRights(call.read(WireRights.self).row())
        case .rightsRemove: try await store.removeRights(of: call.read(WireName.self).name)
        case .rightsGet:
            guard let row = try await store.rights(of: call.read(WireName.self).name) else { throw .notFound }
            reply.rights = [WireRights(row)]
        default:
            let page = try call.read(WirePage.self)
            let after = page.hasAfter ? String(decoding: page.after, as: UTF8.self) : nil
            let rows = try await store.allRights(after: after, limit: Int(page.limit)).map(WireRights.init)
            reply.rights = fitting(rows)
        }
        return serialized(reply)
    }

    func changes(_ call: StoreCall) async throws(StoreFailure) -> AsyncStream<ByteBuffer> {
        let body = try call.read(WireTopics.self)
        try checkCount(body.topics.count, of: "topics", atMost: 16)
        let topics = try converted(body.topics) { topic throws(StoreFailure) in try topic.topic() }
        guard topics.allSatisfy(call.mayWatch) else { throw .notPermitted }
        let changes = try await store.changes(of: Set(topics))
        return AsyncStream { [state = WatchState(changes, call)] in await state.next() }
    }
}

/// Encodes changes one by one as they are asked for, so that what waits stays in the store's bounded watch.
private actor WatchState {
    private let changes: AsyncStream<StoreChange>
    private let call: StoreCall

    init(_ changes: AsyncStream<StoreChange>, _ call: StoreCall) {
        self.changes = changes
        self.call = call
    }

    func next() async -> ByteBuffer? {
        var iterator = changes.makeAsyncIterator()
        while let change = await iterator.next() {
            if case .changed(.settings, let key) = change, !call.mayRead(setting: key) { continue }
            return serialized(WireChange(change))
        }
        return nil
    }
}
