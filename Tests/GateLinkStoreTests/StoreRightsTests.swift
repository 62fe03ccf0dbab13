import GateLink
import GateLinkStore
import GateModel
import GateStore
import GateTestKit
import NIOCore
import Testing

@Suite struct RightsOverLinks {
    private let memory = MemoryStore(clock: ManualStoreClock().read)
    private let socks = LinkRole.extender(ShippedExtender.socks5)
    private let other = ExtenderID(UUIDBytes(high: 1, low: 1))

    @Test(arguments: StoreMethod.allCases)
    func `who is of another kind is refused before anything is read`(method: StoreMethod) async throws {
        let dispatcher = Fixtures.dispatcher(memory)
        let joins = [LinkRole.join(.kernel), .join(.extender(ShippedExtender.socks5))]
        for role in [LinkRole.kernel, socks, .operator, .database] + joins where !method.permits(role) {
            let caller = try Fixtures.link(role, "any")
            let reply = await dispatcher.reply(to: method.rawValue, ByteBuffer(), from: caller)
            #expect(reply.status == (method == .changes ? .unknownMethod : .refused))
            guard case .failure = await dispatcher.watch(method.rawValue, ByteBuffer(), from: caller) else {
                Issue.record("a watch was granted")
                continue
            }
        }
    }

    @Test func `the table of methods is what the documentation says`() {
        let kernels = StoreMethod.allCases.filter { $0.permits(.kernel) }.count
        let extenders = StoreMethod.allCases.filter { $0.permits(socks) }
        let operators = StoreMethod.allCases.filter { $0.permits(.operator) }
        #expect(kernels == 24)
        #expect(
            extenders == [
                .settingsList, .workersList, .dataGet, .dataList, .dataCommit, .dataUsage, .changes, .linkRenew,
            ])
        #expect(!operators.contains(.identityCertify))
        #expect(operators.count == StoreMethod.allCases.count - 12)
        #expect(!StoreMethod.allCases.contains { $0.permits(.database) })
    }

    @Test func `a kernel writes under its own name only`() async throws {
        let store = try Fixtures.store(memory, as: .kernel, "kernel-1")
        let foreign = WorkerRegistration(name: "kernel-2", linkAddress: "", adminAddress: "")
        let epoch = WorkerEpoch(generation: 1, timeline: 0, counter: 1)
        await #expect(throws: StoreFailure.notPermitted) {
            _ = try await store.registerWorker(foreign, lease: .seconds(1))
        }
        await #expect(throws: StoreFailure.notPermitted) {
            _ = try await store.renewWorker("kernel-2", epoch: epoch, load: WorkerLoad(), lease: .seconds(1))
        }
        await #expect(throws: StoreFailure.notPermitted) { try await store.removeWorker("kernel-2", epoch: epoch) }
        await #expect(throws: StoreFailure.notPermitted) { try await store.setDraining("kernel-2", true) }
        await #expect(throws: StoreFailure.notPermitted) { _ = try await store.challengeWorker("kernel-2") }
        await #expect(throws: StoreFailure.notPermitted) {
            let request = CertificationRequest(challenge: 1, staticKey: [], proof: [9], features: 0)
            _ = try await store.certifyWorker("kernel-2", request)
        }
        await #expect(throws: StoreFailure.notPermitted) {
            let row = RefusalRow(
                at: UnixTime(seconds: 1), isInbound: true, node: nil, address: "", reason: "", worker: "kernel-2")
            try await store.noteRefusals([row])
        }
        await #expect(throws: StoreFailure.notPermitted) {
            _ = try await store.set("relay.hops", to: "1", by: "", expecting: nil)
        }
    }

    @Test func `a kernel charges and reads bans, and an operator alone gives and lifts them`() async throws {
        let subject = AccessSubject.node(NodeUUID(UUIDBytes(high: 1, low: 1)))
        let kernel = try Fixtures.store(memory, as: .kernel, "kernel-1")
        let human = try Fixtures.store(memory, as: .operator, "operator")
        try await kernel.noteCharges([ReputationCharge(subject: subject, points: 200)])
        #expect(try await kernel.ban(of: subject)?.isEarned == true)
        await #expect(throws: StoreFailure.notPermitted) { try await kernel.liftBan(of: subject) }
        await #expect(throws: StoreFailure.notPermitted) {
            _ = try await kernel.setBan(BanOrder(subject: subject), by: "operator")
        }
        await #expect(throws: StoreFailure.notPermitted) {
            try await human.noteCharges([ReputationCharge(subject: subject, points: 200)])
        }
        try await human.liftBan(of: subject)
        #expect(try await human.setBan(BanOrder(subject: subject), by: "somebody else").author == "operator")
    }

    @Test func `an extender without rights has no data, not even its own`() async throws {
        let store = try Fixtures.store(memory, as: socks, "socks5-1")
        await #expect(throws: StoreFailure.notPermitted) {
            _ = try await store.put([1], [1], of: ShippedExtender.socks5)
        }
    }

    @Test func `an extender with rights uses its own data and no other's`() async throws {
        let link = try Fixtures.link(socks, "socks5-1")
        var rights = RightsRow.attaching(link)
        rights.extenders.insert(other)
        try await memory.setRights(rights)
        let store = try Fixtures.store(memory, as: socks, "socks5-1")
        _ = try await store.put([1], [2], of: ShippedExtender.socks5)
        #expect(try await store.entry([1], of: ShippedExtender.socks5)?.value == [2])
        await #expect(throws: StoreFailure.notPermitted) { _ = try await store.put([1], [1], of: other) }
        await #expect(throws: StoreFailure.notPermitted) { _ = try await store.changes(of: [.data(other)]) }
        await #expect(throws: StoreFailure.notPermitted) {
            try await store.setQuota(bytes: .max, keys: .max, of: ShippedExtender.socks5)
        }
    }

    @Test func `an extender reads and watches only settings with its prefixes`() async throws {
        try await memory.setRights(.attaching(Fixtures.link(socks, "socks5-1"), settings: ["socks5."]))
        let store = try Fixtures.store(memory, as: socks, "socks5-1")
        var next = try await store.changes(of: [.settings, .workers]).makeAsyncIterator()
        #expect(await next.next() == .resynchronise)
        try await memory.set(NodeSettings.relayHops, to: 3, by: "o")
        try await memory.set(NodeSettings.socksExit, to: .all, by: "o")
        #expect(await next.next() == .changed(.settings, key: "socks5.exit"))
        #expect(try await store.settings().map(\.key) == ["socks5.exit"])
        for topic in [StoreTopic.peers, .addressRules, .bans, .rights] {
            await #expect(throws: StoreFailure.notPermitted) { _ = try await store.changes(of: [topic]) }
        }
    }

    @Test func `a revoked name may do nothing, whatever its role`() async throws {
        for role in [LinkRole.kernel, socks, .operator] {
            let link = try Fixtures.link(role, "x")
            try await memory.setRights(RightsRow(name: link.rightsName, isRevoked: true))
            let store = try Fixtures.store(memory, as: role, "x")
            await #expect(throws: StoreFailure.notPermitted) { _ = try await store.settings() }
            await #expect(throws: StoreFailure.notPermitted) { _ = try await store.changes(of: [.settings]) }
        }
    }

    @Test func `names of different roles have rights of their own`() throws {
        #expect(try Fixtures.link(.kernel, "x").rightsName == "kernel/x")
        #expect(try Fixtures.link(socks, "x").rightsName == "extender/\(ShippedExtender.socks5)/x")
    }
}

@Suite struct RequestBodies {
    private let dispatcher = Fixtures.dispatcher(MemoryStore(clock: ManualStoreClock().read))

    @Test(arguments: StoreMethod.allCases.filter { $0 != .changes })
    func `garbage gets a reply that is a refusal`(method: StoreMethod) async throws {
        var random = SystemRandomNumberGenerator()
        for role in [LinkRole.kernel, .operator, .extender(ShippedExtender.socks5)] {
            let caller = try Fixtures.link(role, "x")
            for length in [1, 2, 7, 40, 400] {
                let bytes = (0..<length).map { _ in UInt8.random(in: .min ... .max, using: &random) }
                _ = await dispatcher.reply(to: method.rawValue, ByteBuffer(bytes: bytes), from: caller)
            }
        }
    }

    @Test func `a body of very many fields is refused before it is parsed`() async throws {
        let fields = ByteBuffer(bytes: [0x0a, 0])
        var body = ByteBuffer()
        for _ in 0..<5000 { body.writeImmutableBuffer(fields) }
        let caller = try Fixtures.link(.kernel, "kernel-1")
        let reply = await dispatcher.reply(to: "peers.note", body, from: caller)
        #expect(reply.status == .invalid)
        #expect(reply.reason == "not valid: the body is too long")
    }

    @Test func `too long a body is refused`() async throws {
        let caller = try Fixtures.link(.operator, "operator")
        let body = ByteBuffer(repeating: 0, count: 5000)
        #expect(await dispatcher.reply(to: "peers.get", body, from: caller).reason == "not valid: the body is too long")
    }

    @Test func `an unknown method is said to be unknown`() async throws {
        let caller = try Fixtures.link(.operator, "operator")
        #expect(await dispatcher.reply(to: "no.such", ByteBuffer(), from: caller).status == .unknownMethod)
    }
}
