import GateLink
@testable import GateLinkTransport
import GateModel
import NIOCore
import Testing

@Suite struct RenewedCertificates {
    private let authority: LinkAuthority
    private let now = UnixTime.now()

    init() throws { authority = try LinkAuthority.create(node: ownNode) }

    private func credential(
        _ name: String = "kernel-1", by signer: LinkAuthority? = nil, lifetime: Duration
    ) throws -> LinkCredential {
        try LinkCredential((signer ?? authority).issue(role: .kernel, name: name, lifetime: lifetime))
    }

    private func peer(_ credential: LinkCredential) -> LinkPeer {
        LinkPeer(name: credential.name, notAfter: credential.notAfter, address: "")
    }

    @Test func `a link is believed until the end of the newer certificate, which is told once`() throws {
        let old = try credential(lifetime: .seconds(100))
        let new = try credential(lifetime: .seconds(10_000))
        let source = LinkCredentialSource(old)
        let sender = LinkRenewal(shown: old, source: source)
        #expect(sender.request() == nil)
        source.use(new)
        let request = try #require(sender.request())
        #expect(sender.request() == nil)
        let own = try credential("kernel-2", lifetime: .seconds(100))
        let receiver = LinkRenewal(shown: own, source: LinkCredentialSource(own))
        #expect(try receiver.end(of: request.body, from: peer(old), shown: old.leaf, at: now) == new.notAfter)
    }

    @Test func `another name, another authority, another link and changed bytes are refused`() throws {
        let old = try credential(lifetime: .seconds(100))
        let receiver = LinkRenewal(shown: old, source: LinkCredentialSource(old))
        func body(_ new: LinkCredential) throws -> ByteBuffer {
            let source = LinkCredentialSource(old)
            let sender = LinkRenewal(shown: old, source: source)
            source.use(new)
            return try #require(sender.request()).body
        }
        let good = try body(credential(lifetime: .seconds(10_000)))
        let foreign = try body(
            credential(by: LinkAuthority.create(node: ownNode), lifetime: .seconds(10_000)))
        #expect(throws: LinkDistrust.unreadable) {
            _ = try receiver.end(of: foreign, from: peer(old), shown: old.leaf, at: now)
        }
        let other = try credential("kernel-2", lifetime: .seconds(100))
        #expect(throws: LinkDistrust.unreadable) {
            _ = try receiver.end(of: good, from: peer(old), shown: other.leaf, at: now)
        }
        #expect(throws: LinkDistrust.malformedName) {
            _ = try receiver.end(of: good, from: peer(other), shown: old.leaf, at: now)
        }
        for index in 0..<good.readableBytes {
            var changed = good
            changed.setInteger(good.getInteger(at: index, as: UInt8.self).map { $0 ^ 1 } ?? 0, at: index)
            #expect(throws: LinkDistrust.self) {
                _ = try receiver.end(of: changed, from: peer(old), shown: old.leaf, at: now)
            }
        }
    }

    @Test func `a credential under another name is not told`() throws {
        let old = try credential(lifetime: .seconds(100))
        let source = LinkCredentialSource(old)
        let sender = LinkRenewal(shown: old, source: source)
        source.use(try credential("kernel-2", lifetime: .seconds(10_000)))
        #expect(sender.request() == nil)
    }
}
