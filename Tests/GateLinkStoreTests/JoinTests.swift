import GateLink
import GateLinkStore
import GateModel
import GateStore
import GateTestKit
import NIOCore
import Synchronization
import Testing

@Suite struct Joining {
    private let memory = MemoryStore(clock: ManualStoreClock().read)
    private let certifier = NotingCertifier()
    private let socks = LinkMemberRole.extender(ShippedExtender.socks5)

    private var dispatcher: StoreDispatcher {
        StoreDispatcher(store: memory, certifier: FakeCertifier(), keeper: memory, links: certifier)
    }

    private func store(_ caller: LinkName) -> LinkStore {
        LinkStore(channel: DirectChannel(dispatcher: dispatcher, callers: [caller]), retryInterval: .zero)
    }

    private func grant(_ join: LinkName) async throws {
        try await memory.setRights(.attaching(join, settings: ["socks5."]))
    }

    @Test(arguments: StoreMethod.allCases)
    func `a join credential gets a certificate and nothing else, whatever its name is granted`(
        method: StoreMethod
    ) async throws {
        for role in [LinkMemberRole.kernel, socks] {
            let join = try Fixtures.link(.join(role), "pool")
            try await grant(join)
            let reply = await dispatcher.reply(to: method.rawValue, ByteBuffer(), from: join)
            switch method {
            case .linkJoin: #expect(reply.status == .done)
            case .changes: #expect(reply.status == .unknownMethod)
            default: #expect(reply.status == .refused)
            }
            guard case .failure = await dispatcher.watch(method.rawValue, ByteBuffer(), from: join) else {
                Issue.record("a watch was granted")
                continue
            }
        }
    }

    @Test func `each who joins gets a name of its own in the family`() async throws {
        let join = try Fixtures.link(.join(socks), "pool")
        try await grant(join)
        for _ in 0..<3 { #expect(try await store(join).joinLink(request: [7]) == [7]) }
        let names = certifier.names.withLock(\.self)
        #expect(Set(names).count == 3)
        #expect(names.allSatisfy { $0.joinName == join && $0.role == socks.role })
    }

    @Test func `an extender without the right to its UUID does not join`() async throws {
        let join = try Fixtures.link(.join(socks), "pool")
        await #expect(throws: StoreFailure.notPermitted) { _ = try await store(join).joinLink(request: [7]) }
        try await memory.setRights(RightsRow(name: join.rightsName, mayConnect: true))
        await #expect(throws: StoreFailure.notPermitted) { _ = try await store(join).joinLink(request: [7]) }
    }

    @Test func `who joined has the rights of the join credential`() async throws {
        let join = try Fixtures.link(.join(socks), "pool")
        let member = try #require(LinkName(joiningBy: join, number: 5))
        try await grant(join)
        try await memory.set(NodeSettings.socksExit, to: .all, by: "o")
        try await memory.set(NodeSettings.relayHops, to: 3, by: "o")
        #expect(try await store(member).settings().map(\.key) == ["socks5.exit"])
        #expect(try await store(member).put([1], [2], of: ShippedExtender.socks5) > 0)
        let own = try Fixtures.link(socks.role, member.name)
        await #expect(throws: StoreFailure.notPermitted) {
            _ = try await store(own).put([1], [2], of: ShippedExtender.socks5)
        }
    }

    @Test func `who joined renews under its own name; who has a credential of its own does not`() async throws {
        let join = try Fixtures.link(.join(.kernel), "pool")
        let member = try #require(LinkName(joiningBy: join, number: 5))
        #expect(try await store(member).renewLink(request: [9]) == [9])
        #expect(certifier.names.withLock(\.self) == [member])
        let own = try Fixtures.link(.kernel, "kernel-1")
        await #expect(throws: StoreFailure.notPermitted) { _ = try await store(own).renewLink(request: [9]) }
    }

    @Test func `revoking the join credential stops new ones and all who joined by it`() async throws {
        let join = try Fixtures.link(.join(.kernel), "pool")
        let member = try #require(LinkName(joiningBy: join, number: 5))
        try await memory.setRights(RightsRow(name: join.rightsName, isRevoked: true))
        await #expect(throws: StoreFailure.notPermitted) { _ = try await store(join).joinLink(request: [7]) }
        await #expect(throws: StoreFailure.notPermitted) { _ = try await store(member).renewLink(request: [7]) }
        await #expect(throws: StoreFailure.notPermitted) { _ = try await store(member).settings() }
    }

    @Test func `revoking one who joined touches no other`() async throws {
        let join = try Fixtures.link(.join(.kernel), "pool")
        let gone = try #require(LinkName(joiningBy: join, number: 5))
        let other = try #require(LinkName(joiningBy: join, number: 6))
        try await memory.setRights(RightsRow(name: gone.rightsName, isRevoked: true))
        await #expect(throws: StoreFailure.notPermitted) { _ = try await store(gone).renewLink(request: [7]) }
        #expect(try await store(other).renewLink(request: [7]) == [7])
        #expect(try await store(join).joinLink(request: [7]) == [7])
    }

    @Test func `an authority goes in whole, and only an operator brings one`() async throws {
        let person = try Fixtures.link(.operator, "operator")
        let certificate = "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n"
        let key = "-----BEGIN PRIVATE KEY-----\nB\n-----END PRIVATE KEY-----"
        try await store(person).keepAuthority(certificate: certificate, key: key)
        #expect(certifier.authority.withLock(\.self) == [certificate + "\n", key])
        await #expect(throws: StoreFailure.invalid("an authority is a certificate and its key")) {
            try await store(person).keepAuthority(certificate: "", key: "")
        }
    }
}

/// Gives the request back as the certificate, and notes for whom.
private final class NotingCertifier: LinkCertifier {
    let names = Mutex<[LinkName]>([])
    let authority = Mutex<[String]>([])

    func certifyLink(_ name: LinkName, request: [UInt8]) async throws(StoreFailure) -> [UInt8] {
        names.withLock { $0.append(name) }
        return request
    }

    func keepAuthority(certificate: String, key: String) async throws(StoreFailure) {
        authority.withLock { $0 = [certificate, key] }
    }
}
