import GateLink
import GateLinkStore
import GateLinkTransport
import GateModel
import GateStore
import GateTestKit
import Logging
import NIOCore
import NIOPosix
import Testing

@Suite struct TheLinkStore {
    @Test(arguments: StoreContract.cases)
    func `keeps the contract`(promise: StoreContract.Case) async throws {
        let clock = ManualStoreClock()
        let callers = [
            try Fixtures.link(.operator, "operator"), try Fixtures.link(.kernel, "kernel-1"),
            try Fixtures.link(.kernel, "kernel-2"),
        ]
        let dispatcher = Fixtures.dispatcher(MemoryStore(clock: clock.read))
        let store = LinkStore(channel: DirectChannel(dispatcher: dispatcher, callers: callers))
        try await promise.check(StoreContract.Subject(store: store, clock: clock))
    }

    @Test func `certification comes through`() async throws {
        let store = try Fixtures.store(MemoryStore(clock: ManualStoreClock().read), as: .kernel, "kernel-1")
        #expect(try await store.identityBundle() == [1, 2, 3])
        let challenge = try await store.challengeWorker("kernel-1")
        #expect(challenge == CertificationChallenge(id: 7, ephemeralKey: Array("kernel-1".utf8)))
        let request = CertificationRequest(challenge: 7, staticKey: [4], proof: [9], features: 6)
        let certified = try await store.certifyWorker("kernel-1", request)
        let expected = CertifiedWorker(node: Fixtures.node, certificate: [4], notAfter: UnixTime(seconds: 6))
        #expect(certified == expected)
        let endpoint = Endpoint(host: "::1", port: 1)
        #expect(
            try await store.issueRecord(endpoints: [endpoint], isRelay: true) == Array("\([endpoint]) true".utf8))
        await #expect(throws: StoreFailure.notProven) {
            let wrong = CertificationRequest(challenge: 7, staticKey: [4], proof: [], features: 0)
            _ = try await store.certifyWorker("kernel-1", wrong)
        }
    }

    @Test func `certification with an ML-DSA key comes through`() async throws {
        let store = try Fixtures.store(MemoryStore(clock: ManualStoreClock().read), as: .kernel, "kernel-1")
        let (key, proof) = ([UInt8](repeating: 1, count: 1952), [UInt8](repeating: 2, count: 3309))
        let request = CertificationRequest(
            challenge: 7, staticKey: [UInt8](repeating: 4, count: 32), proof: [9],
            postQuantum: PostQuantumProof(key: key, proof: proof), features: 6)
        let certified = try await store.certifyWorker("kernel-1", request)
        #expect(certified.certificate == request.staticKey + key + proof)
    }

    @Test func `a list of large peers comes in pages that fit a frame`() async throws {
        let memory = MemoryStore(clock: ManualStoreClock().read)
        for number in 0..<100 as Range<UInt64> {
            try await memory.notePeer(
                PeerSighting(
                    node: NodeUUID(UUIDBytes(high: number, low: 0)), bundleHash: [UInt8](repeating: 1, count: 32),
                    features: 0, isRelay: nil, record: [UInt8](repeating: 1, count: StoreLimit.peerRecordBytes),
                    at: UnixTime(seconds: 1)))
        }
        let store = try Fixtures.store(memory, as: .operator, "operator")
        let first = try await store.peers(PeerFilter(), after: nil, limit: 500)
        #expect((1..<100).contains(first.count))
        let rest = try await store.peers(PeerFilter(), after: first.last?.node, limit: 500)
        #expect(first.count + rest.count == 100)
    }

    @Test func `a batch of large sightings goes in parts that fit a frame`() async throws {
        let memory = MemoryStore(clock: ManualStoreClock().read)
        let store = try Fixtures.store(memory, as: .kernel, "kernel-1")
        let sightings = (0..<100 as Range<UInt64>).map { number in
            PeerSighting(
                node: NodeUUID(UUIDBytes(high: number, low: 0)), bundleHash: [UInt8](repeating: 1, count: 32),
                features: 0, isRelay: nil, record: [UInt8](repeating: 1, count: StoreLimit.peerRecordBytes),
                at: UnixTime(seconds: 1))
        }
        #expect(try await store.notePeers(sightings).isEmpty)
        #expect(await memory.peers(PeerFilter(), after: nil, limit: 500).count == 100)
    }

    @Test func `a watch goes on over a new link`() async throws {
        let memory = MemoryStore(clock: ManualStoreClock().read)
        let dispatcher = Fixtures.dispatcher(memory)
        let direct = DirectChannel(dispatcher: dispatcher, callers: [try Fixtures.link(.operator, "operator")])
        let store = LinkStore(channel: CuttingChannel(direct), retryInterval: .zero)
        var next = try await store.changes(of: [.settings]).makeAsyncIterator()
        #expect(await next.next() == .resynchronise)
        #expect(await next.next() == .resynchronise, "the first link ended after one event")
    }

    @Test func `everything works over a real link in memory`() async throws {
        let memory = MemoryStore(clock: ManualStoreClock().read)
        let service = LinkService(
            accepts: [.operator], worker: "database-1", admit: { _ in .granted(.none) },
            responder: StoreResponder(Fixtures.dispatcher(memory)))
        let server = MemoryLinkServer(name: try Fixtures.link(.database, "database-1"), service: service)
        let keeper = LinkKeeper(
            target: .memory(server, as: try Fixtures.link(.operator, "operator")), expects: .database,
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Logger(label: "test"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await keeper.run() }
            #expect(await keeper.requester.connected())
            let store = LinkStore(keeper.requester)
            var next = try await store.changes(of: [.settings]).makeAsyncIterator()
            #expect(await next.next() == .resynchronise)
            _ = try await store.set("relay.hops", to: "3", by: "x", expecting: nil)
            #expect(await next.next() == .changed(.settings, key: "relay.hops"))
            #expect(try await store.settings().map(\.changedBy) == ["operator"])
            await #expect(throws: StoreFailure.conflict) {
                _ = try await store.set("relay.hops", to: "3", by: "x", expecting: 9)
            }
            group.cancelAll()
        }
    }

    @Test func `without a link everything is unavailable`() async throws {
        let store = LinkStore(
            LinkKeeper(
                target: .network(Endpoint(host: "127.0.0.1", port: 1), credential: try unusedCredential()),
                expects: .database, eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
                logger: Logger(label: "test")
            ).requester)
        await #expect(throws: StoreFailure.unavailable) { _ = try await store.settings() }
    }

    private func unusedCredential() throws -> LinkCredentialSource {
        let authority = try LinkAuthority.create(node: Fixtures.node)
        return LinkCredentialSource(
            try LinkCredential(try authority.issue(role: .operator, name: "operator")))
    }
}

/// Ends every watch after one event.
private struct CuttingChannel: RequestChannel {
    let channel: DirectChannel

    init(_ channel: DirectChannel) { self.channel = channel }

    func request(_ method: String, _ body: ByteBuffer) async throws(StoreFailure) -> LinkReply {
        try await channel.request(method, body)
    }

    func watch(_ method: String, _ body: ByteBuffer) async throws(StoreFailure) -> AsyncStream<ByteBuffer> {
        var events = try await channel.watch(method, body).makeAsyncIterator()
        let first = await events.next()
        return AsyncStream { continuation in
            if let first { continuation.yield(first) }
            continuation.finish()
        }
    }
}
