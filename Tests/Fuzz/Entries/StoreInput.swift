import GateLink
import GateLinkStore
import GateModel
import GateStore
import GateTestKit
import NIOCore

/// One request to the database service, on a store with a little of everything: whatever is asked by whomever, the reply
/// fits a frame, and nothing is done that the role may not do.
///
/// | bytes | what |
/// | --- | --- |
/// | 1 | which method, modulo their number |
/// | 1 | which role, modulo 4: kernel, extender, operator, database |
/// | … | the body |
enum StoreInput {
    static func run(_ bytes: [UInt8]) async {
        guard bytes.count >= 2 else { return }
        let method = StoreMethod.allCases[Int(bytes[0]) % StoreMethod.allCases.count]
        let caller = callers[Int(bytes[1]) % callers.count]
        let body = ByteBuffer(bytes: bytes.dropFirst(2))
        let dispatcher: StoreDispatcher
        do { dispatcher = try await furnished() } catch { preconditionFailure("the store is sound: \(error)") }
        if method == .changes {
            let watch = await dispatcher.watch(method.rawValue, body, from: caller)
            if case .success = watch { precondition(method.permits(caller.role), "a role does what it may") }
            return
        }
        let reply = await dispatcher.reply(to: method.rawValue, body, from: caller)
        if !method.permits(caller.role) { precondition(reply.status == .refused, "a role does what it may") }
        var frame = ByteBuffer()
        honest { try LinkFrameEncoder.encode(.reply(id: 1, reply), into: &frame) }
        var decoder = LinkFrameDecoder()
        decoder.feed(frame)
        precondition(honest { try decoder.next() } == .reply(id: 1, reply), "the asker reads the reply")
    }

    static let node = NodeUUID(.numbered(1))
    static let extender = ExtenderID(.numbered(2))
    static let worker = WorkerRegistration(name: "kernel-1", linkAddress: "127.0.0.1:7710", adminAddress: "")

    static let callers: [LinkName] = [
        LinkName(node: node, role: .kernel, name: "kernel-1"),
        LinkName(node: node, role: .extender(extender), name: "extender-1"),
        LinkName(node: node, role: .operator, name: "ada"),
        LinkName(node: node, role: .database, name: "database"),
    ].compactMap { $0 }

    /// Serves a store with a worker, a peer, a setting, rights and data.
    static func furnished() async throws -> StoreDispatcher {
        let store = MemoryStore(clock: ManualStoreClock().read)
        _ = try await store.registerWorker(worker, lease: .seconds(30))
        _ = try await store.editPeer(node, PeerEdit(endpoints: [Endpoint(host: "::1", port: 1)], access: .allowed))
        try await store.set(NodeSettings.relayHops, to: 3, by: "ada")
        for caller in callers { try await store.setRights(.attaching(caller, settings: ["relay."])) }
        _ = try await store.put([1], [2, 3], of: extender)
        return StoreDispatcher(store: store, certifier: EchoCertifier(), keeper: store)
    }

    /// What our own client asks, as each role.
    static func seeds() async throws -> [[UInt8]] {
        var seeds: [[UInt8]] = []
        for (index, caller) in callers.enumerated() where caller.role != .database {
            let tape = RequestTape(caller: caller, dispatcher: try await furnished())
            await StoreConversation.hold(LinkStore(channel: tape, retryInterval: .zero))
            for (method, body) in await tape.requests {
                guard let number = StoreMethod.allCases.firstIndex(where: { $0.rawValue == method }) else { continue }
                seeds.append([UInt8(number), UInt8(index)] + body)
            }
        }
        return seeds
    }
}

/// Passes requests on and keeps them.
private actor RequestTape: RequestChannel {
    private let caller: LinkName
    private let dispatcher: StoreDispatcher
    private(set) var requests: [(String, [UInt8])] = []

    init(caller: LinkName, dispatcher: StoreDispatcher) {
        self.caller = caller
        self.dispatcher = dispatcher
    }

    func request(_ method: String, _ body: ByteBuffer) async throws(StoreFailure) -> LinkReply {
        requests.append((method, body.bytes))
        return await dispatcher.reply(to: method, body, from: caller)
    }

    func watch(_ method: String, _ body: ByteBuffer) async throws(StoreFailure) -> AsyncStream<ByteBuffer> {
        requests.append((method, body.bytes))
        return try await dispatcher.watch(method, body, from: caller).get()
    }
}

/// Answers with what it was asked.
private struct EchoCertifier: WorkerCertifier {
    func identityBundle() async throws(StoreFailure) -> [UInt8] { [1, 2, 3] }

    func challengeWorker(_ name: String) async throws(StoreFailure) -> CertificationChallenge {
        CertificationChallenge(id: 7, ephemeralKey: Array(name.utf8))
    }

    func certifyWorker(_ name: String, _ request: CertificationRequest)
        async throws(StoreFailure) -> CertifiedWorker
    {
        CertifiedWorker(
            node: StoreInput.node, certificate: request.staticKey, notAfter: UnixTime(seconds: 2_000_000_000))
    }

    func issueRecord(endpoints: [Endpoint], isRelay: Bool) async throws(StoreFailure) -> [UInt8] {
        Array("\(endpoints) \(isRelay)".utf8)
    }
}
