import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore
import Testing

@Suite struct HandshakeTests {
    @Test func `two nodes that know each other agree on one session`() throws {
        let (ada, ben) = (try TestNode(1), try TestNode(2))
        var pair = PeerPair(ada, ben)

        pair.start()
        pair.run()

        let session = try #require(pair.dialler.established?.session)
        let notAfter = UnixTime(seconds: pair.clock.wall.seconds + 86_400)
        #expect(
            pair.diallerEvents == [
                .established(
                    Established(
                        session: session, peer: .node(ben.node, worker: 2, notAfter: notAfter), context: .peer,
                        role: .initiator))
            ])
        #expect(
            pair.acceptorEvents == [
                .established(
                    Established(
                        session: session, peer: .node(ada.node, worker: 1, notAfter: notAfter), context: .peer,
                        role: .responder))
            ])
    }

    @Test func `an initiator without a certificate stays without a name`() throws {
        var pair = PeerPair(try TestNode(1), try TestNode(2), context: .endToEnd, isAnonymous: true)

        pair.start()
        pair.run()

        #expect(pair.acceptor.established?.peer == .anonymous)
        #expect(pair.acceptor.established?.session == pair.dialler.established?.session)
        #expect(pair.claims.first == PeerClaim(peer: .anonymous, context: .endToEnd, role: .responder))
    }
}
