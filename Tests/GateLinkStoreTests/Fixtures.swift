import GateLink
import GateLinkStore
import GateModel
import GateStore
import GateTestKit
import NIOCore

enum Fixtures {
    static let node = NodeUUID(UUIDBytes(high: 0x8000, low: 1 << 63))

    static func link(_ role: LinkRole, _ name: String) throws -> LinkName {
        guard let link = LinkName(node: node, role: role, name: name) else { throw StoreFailure.invalid("name") }
        return link
    }

    static func dispatcher(_ store: MemoryStore) -> StoreDispatcher {
        StoreDispatcher(store: store, certifier: FakeCertifier(), keeper: store)
    }

    static func store(_ store: MemoryStore, as role: LinkRole, _ name: String) throws -> LinkStore {
        LinkStore(
            channel: DirectChannel(dispatcher: dispatcher(store), callers: [try link(role, name)]),
            retryInterval: .zero)
    }
}

/// Hands requests to a dispatcher within the test, as the first of the callers that is permitted.
struct DirectChannel: RequestChannel {
    let dispatcher: StoreDispatcher
    let callers: [LinkName]

    func request(_ method: String, _ body: ByteBuffer) async throws(StoreFailure) -> LinkReply {
        var reply = LinkReply(status: .failed)
        for caller in callers {
            reply = await dispatcher.reply(to: method, body, from: caller)
            guard reply.status == .refused, reply.reason == StoreFailure.notPermitted.description else { break }
        }
        return reply
    }

    func watch(_ method: String, _ body: ByteBuffer) async throws(StoreFailure) -> AsyncStream<ByteBuffer> {
        try await dispatcher.watch(method, body, from: callers[0]).get()
    }
}

/// Answers with what it was asked.
struct FakeCertifier: WorkerCertifier {
    func identityBundle() async throws(StoreFailure) -> [UInt8] { [1, 2, 3] }

    func challengeWorker(_ name: String) async throws(StoreFailure) -> CertificationChallenge {
        CertificationChallenge(id: 7, ephemeralKey: Array(name.utf8))
    }

    func certifyWorker(_ name: String, _ request: CertificationRequest)
        async throws(StoreFailure) -> CertifiedWorker
    {
        guard request.proof == [9] else { throw .notProven }
        let postQuantum = request.postQuantum.map { $0.key + $0.proof } ?? []
        return CertifiedWorker(
            node: Fixtures.node, certificate: request.staticKey + postQuantum,
            notAfter: UnixTime(seconds: Int64(request.features)))
    }

    func issueRecord(endpoints: [Endpoint], isRelay: Bool) async throws(StoreFailure) -> [UInt8] {
        Array("\(endpoints) \(isRelay)".utf8)
    }
}
