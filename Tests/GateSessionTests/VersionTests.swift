import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore
import Testing

@Suite struct VersionTests {
    static let older = PeerVersions(only: 1)

    @Test(
        arguments: [
            (PeerVersions.spoken, PeerVersions.spoken, 2), (.spoken, older, 1), (older, .spoken, 1), (older, older, 1),
            (PeerVersions(1, 15), .spoken, 2), (PeerVersions(2, 3), .spoken, 2),
        ] as [(PeerVersions, PeerVersions, UInt8)])
    func `two nodes speak the highest version that both do`(
        _ ours: PeerVersions, _ theirs: PeerVersions, _ expected: UInt8
    ) throws {
        var pair = PeerPair(try TestNode(1, versions: ours), try TestNode(2, versions: theirs))

        pair.establish()

        #expect(pair.dialler.established?.version == expected)
        #expect(pair.acceptor.established?.version == expected)
    }

    @Test func `nodes without a common version part without a word`() throws {
        var pair = PeerPair(try TestNode(1, versions: PeerVersions(2, 3)), try TestNode(2, versions: Self.older))

        pair.start()
        pair.deliverToAcceptor()

        #expect(pair.acceptorEvents == [.closed(.noCommonVersion)])
        #expect(pair.toDialler.readableBytes == 0)
    }

    /// Whoever knows the UUID can open a flight's header and seal another: version, suite, offers, pattern, minute.
    @Test(
        arguments: [(0, 0x11), (0, 0x13), (2, 2), (4, 2), (5, 2), (7, 4), (8, 4), (9, 8), (13, 0xff)] as [(Int, UInt8)])
    func `no choice of a first flight that somebody changed survives the handshake`(
        _ place: Int, _ byte: UInt8
    ) throws {
        let (ada, ben) = (try TestNode(1), try TestNode(2))
        var pair = PeerPair(ada, ben)
        pair.start()

        pair.toAcceptor = try FlightForger(dialled: ben).changed(pair.toAcceptor, number: 1, place, to: byte)
        pair.run()

        #expect(pair.dialler.established == nil)
        // An anonymous initiator is whoever wrote the flight: that session is the attacker's own, without a name.
        #expect(pair.acceptor.established?.peer.node == nil)
    }

    @Test(arguments: [(2, 0x11), (2, 0x33), (2, 0x12), (3, 0x11), (3, 0x12)] as [(UInt8, UInt8)])
    func `no version of a later flight that somebody changed is taken`(_ flight: UInt8, _ byte: UInt8) throws {
        let (ada, ben) = (try TestNode(1), try TestNode(2))
        var pair = PeerPair(ada, ben)
        pair.start()
        pair.deliverToAcceptor()
        if flight == 3 { pair.deliverToDialler() }

        if flight == 2 {
            pair.toDialler = try FlightForger(dialled: ben).changed(pair.toDialler, number: 2, 0, to: byte)
        } else {
            pair.toAcceptor = try FlightForger(dialled: ben).changed(pair.toAcceptor, number: 3, 0, to: byte)
        }
        pair.run()

        #expect(pair.acceptor.established == nil)
    }
}
