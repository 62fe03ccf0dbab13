import GateLink
import GateModel
import Testing

private let node = FrameSamples.node
private let other = NodeUUID(UUIDBytes(high: 1, low: 2))

@Suite struct LinkNames {
    @Test(arguments: [LinkRole.kernel, .database, .operator, .extender(ShippedExtender.socks5)])
    func `a name survives its URI`(role: LinkRole) throws {
        let name = try #require(LinkName(node: node, role: role, name: "one-1"))
        #expect(LinkName(uri: name.description) == name)
    }

    @Test(arguments: [
        "", "spiffe://", "spiffe://x/kernel/a", "https://01020304-0506-8708-890a-0b0c0d0e0f10/kernel/a",
        "spiffe://01020304-0506-8708-890a-0b0c0d0e0f10/kernel/", "spiffe://01020304-0506-8708-890a-0b0c0d0e0f10/kernel",
        "spiffe://01020304-0506-8708-890a-0b0c0d0e0f10/kernel/a/b",
        "spiffe://01020304-0506-8708-890A-0B0C0D0E0F10/kernel/a",
        "spiffe://01020304-0506-8708-890a-0b0c0d0e0f10/root/a",
        "spiffe://01020304-0506-8708-890a-0b0c0d0e0f10/extender/a/b",
        "spiffe://01020304-0506-8708-890a-0b0c0d0e0f10/kernel/a%20b",
        "spiffe://01020304-0506-8708-890a-0b0c0d0e0f10/kernel/a?b",
        "spiffe://01020304-0506-8708-890a-0b0c0d0e0f10//kernel/a",
    ])
    func `another spelling is no name`(uri: String) {
        #expect(LinkName(uri: uri) == nil)
    }

    @Test(arguments: [LinkMemberRole.kernel, .extender(ShippedExtender.socks5)])
    func `a join credential's name and its members' survive their URIs`(role: LinkMemberRole) throws {
        let join = try #require(LinkName(node: node, role: .join(role), name: "pool"))
        #expect(LinkName(uri: join.description) == join)
        let member = try #require(LinkName(joiningBy: join, number: 0x0123_4567_89ab_cdef))
        #expect(LinkName(uri: member.description) == member)
        #expect(member.name.hasPrefix("pool-"))
        #expect(member.name.utf8.count == "pool-".utf8.count + LinkName.memberBytes)
        #expect(member.role == role.role)
        #expect(member.joinName == join)
        #expect(join.joinName == nil)
        #expect(LinkName(joiningBy: member, number: 1) == nil)
    }

    @Test func `members with other numbers have other names, and a member's is nobody's own name`() throws {
        let join = try #require(LinkName(node: node, role: .join(.kernel), name: "pool"))
        let names = Set((0..<1000).compactMap { LinkName(joiningBy: join, number: $0 << 40 | $0) })
        #expect(names.count == 1000)
        let member = try #require(names.first)
        let own = try #require(LinkName(node: node, role: .kernel, name: member.name))
        #expect(own != member)
        #expect(own.description != member.description)
    }

    @Test func `a join credential's name leaves room for its members`() throws {
        let longest = String(repeating: "x", count: LinkName.familyBytesMax)
        let join = try #require(LinkName(node: node, role: .join(.kernel), name: longest))
        #expect(LinkName(joiningBy: join, number: .max)?.name.utf8.count == LinkName.nameBytesMax)
        #expect(LinkName(node: node, role: .join(.kernel), name: longest + "x") == nil)
    }

    @Test(arguments: [
        "join/operator/a", "join/database/a", "join/kernel/", "join/kernel", "join/a", "join/extender/a/b",
        "join/kernel/a/abcdefghijkl", "database/a/abcdefghijkl", "operator/a/abcdefghijkl", "kernel/a/abcdefghijk",
        "kernel/a/abcdefghijk1", "kernel/a/ABCDEFGHIJKL", "kernel//abcdefghijkl", "kernel/a/abcdefghijkl/abcdefghijkl",
    ])
    func `no other role has joined or lets join`(path: String) {
        #expect(LinkName(uri: "spiffe://\(node)/\(path)") == nil)
    }
}

@Suite struct Judgement {
    private let validity = UnixTime(seconds: 100)...UnixTime(seconds: 200)
    private let now = UnixTime(seconds: 150)

    private func uri(_ role: LinkRole, of node: NodeUUID = node) -> String {
        LinkName(node: node, role: role, name: "a")?.description ?? ""
    }

    private func judged(_ uris: [String], at now: UnixTime? = nil) -> Result<LinkName, LinkDistrust> {
        LinkJudgement.judge(
            uris: uris, validity: validity, node: node, roles: [.kernel, .extender], at: now ?? self.now)
    }

    @Test func `the expected role of the own node is believed`() {
        #expect(judged([uri(.kernel)]) == .success(LinkName(node: node, role: .kernel, name: "a") ?? fallback))
    }

    @Test func `of the expected role only the process that was dialled is, where one was`() {
        let name = LinkName(node: node, role: .kernel, name: "a") ?? fallback
        for (process, verdict) in [("a", .success(name)), ("b", .failure(.otherProcess(name, dialled: "b")))]
            as [(String, Result<LinkName, LinkDistrust>)]
        {
            #expect(
                LinkJudgement.judge(
                    uris: [uri(.kernel)], validity: validity, node: node, roles: [.kernel], process: process, at: now)
                    == verdict)
        }
    }

    @Test func `everything else is not, and says why`() {
        #expect(judged([]) == .failure(.noName))
        #expect(judged([uri(.kernel), uri(.kernel)]) == .failure(.severalNames))
        #expect(judged(["https://example.org"]) == .failure(.malformedName))
        #expect(judged([uri(.kernel, of: other)]) == .failure(.otherNode))
        for role in [LinkRole.database, .operator] {
            let name = LinkName(node: node, role: role, name: "a") ?? fallback
            #expect(judged([uri(role)]) == .failure(.wrongRole(name, served: [.kernel, .extender])))
        }
        #expect(judged([uri(.kernel)], at: UnixTime(seconds: 201)) == .failure(.expired))
        #expect(judged([uri(.kernel)], at: UnixTime(seconds: 99)) == .failure(.notYetValid))
    }

    @Test func `a wrong role is said with the certificate's name, its role and the roles that are taken`() {
        let name = LinkName(node: node, role: .operator, name: "a") ?? fallback
        let words = "\(LinkDistrust.wrongRole(name, served: [.kernel, .extender]))"
        #expect(
            words
                == "wrongRole: the certificate of \(name) is for role operator, and only extender, kernel is taken here"
        )
    }

    private var fallback: LinkName { preconditionFailure("a good name") }
}
