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
