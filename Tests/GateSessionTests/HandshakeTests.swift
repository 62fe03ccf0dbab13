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
                        role: .initiator, version: 2))
            ])
        #expect(
            pair.acceptorEvents == [
                .established(
                    Established(
                        session: session, peer: .node(ada.node, worker: 1, notAfter: notAfter), context: .peer,
                        role: .responder, version: 2))
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

    @Test func `who dials another UUID gets no byte back, and no one is told why`() throws {
        let (ada, ben, cleo) = (try TestNode(1), try TestNode(2), try TestNode(3))
        var pair = PeerPair(ada, ben, dialling: cleo.node)

        pair.start()
        pair.deliverToAcceptor()

        #expect(pair.toDialler.readableBytes == 0)
        #expect(pair.claims.isEmpty && pair.acceptorEvents.isEmpty)
        pair.clock.advance(by: .seconds(30))
        pair.acceptor.deadlinePassed(at: pair.clock.now, events: &pair.acceptorEvents)
        #expect(pair.acceptorEvents == [.closed(.unintelligible)])
        #expect(pair.toDialler.readableBytes == 0)
    }

    @Test func `a first flight that is played again gets no answer`() throws {
        let (ada, ben) = (try TestNode(1), try TestNode(2))
        var pair = PeerPair(ada, ben)
        pair.start()
        let flight = pair.toAcceptor
        pair.deliverToAcceptor()
        #expect(pair.toDialler.readableBytes > 0)

        var second = PeerPair(ada, ben)
        second.start()
        second.toAcceptor = flight
        second.deliverToAcceptor()

        #expect(second.toDialler.readableBytes == 0)
        #expect(second.acceptorEvents.isEmpty)
    }

    @Test(arguments: [-6 * 60, 6 * 60]) func `a first flight of another time gets no answer`(_ seconds: Int) throws {
        var pair = PeerPair(try TestNode(1), try TestNode(2))
        pair.start()

        pair.clock = ManualClock(wall: UnixTime(seconds: pair.clock.wall.seconds + Int64(seconds)))
        pair.deliverToAcceptor()

        #expect(pair.toDialler.readableBytes == 0)
        #expect(pair.acceptorEvents.isEmpty)
    }

    @Test func `a responder closes without a word on whom it does not admit`() throws {
        var pair = PeerPair(try TestNode(1), try TestNode(2))
        pair.acceptorAdmits = false

        pair.start()
        pair.deliverToAcceptor()
        pair.deliverToDialler()
        pair.deliverToAcceptor()

        #expect(pair.acceptorEvents == [.closed(.notAdmitted)])
        #expect(pair.toDialler.readableBytes == 0)
    }

    @Test func `an initiator tells nothing about itself to whom it does not admit`() throws {
        var pair = PeerPair(try TestNode(1), try TestNode(2))
        pair.diallerAdmits = false

        pair.start()
        pair.deliverToAcceptor()
        pair.deliverToDialler()

        #expect(pair.diallerEvents == [.closed(.notAdmitted)])
        #expect(pair.toAcceptor.readableBytes == 0)
    }

    @Test func `an anonymous initiator that is not admitted costs no public-key work and gets no byte`() throws {
        var pair = PeerPair(try TestNode(1), try TestNode(2), isAnonymous: true)
        pair.acceptorAdmits = false

        pair.start()
        pair.deliverToAcceptor()

        #expect(pair.acceptorEvents == [.closed(.notAdmitted)])
        #expect(pair.toDialler.readableBytes == 0)
    }

    @Test func `an expired certificate is refused before the initiator shows its own`() throws {
        let old = UnixTime(seconds: ManualClock().wall.seconds - 90_000)
        var pair = PeerPair(try TestNode(1), try TestNode(2, wall: old))

        pair.start()
        pair.deliverToAcceptor()
        pair.deliverToDialler()

        #expect(pair.diallerEvents == [.closed(.certificateRefused)])
        #expect(pair.toAcceptor.readableBytes == 0)
    }

    @Test func `a handshake of another context is refused`() throws {
        let (ada, ben) = (try TestNode(1), try TestNode(2))
        var pair = PeerPair(ada, ben, context: .hop)
        pair.acceptor = PeerConnection(accepting: [.peer, .endToEnd], environment: ben.environment)

        pair.start()
        pair.deliverToAcceptor()

        #expect(pair.acceptorEvents == [.closed(.noCommonVersion)])
    }

    @Test func `members of a network with a shared secret agree, others get no byte`() throws {
        let secret = try SharedSecret(GuardedSecret([UInt8](repeating: 9, count: 32)))
        let (ada, ben) = (try TestNode(1, sharedSecret: secret), try TestNode(2, sharedSecret: secret))
        var members = PeerPair(ada, ben)
        members.start()
        members.run()
        #expect(members.acceptor.established != nil)

        var stranger = PeerPair(try TestNode(3), ben)
        stranger.start()
        stranger.deliverToAcceptor()
        #expect(stranger.toDialler.readableBytes == 0 && stranger.acceptorEvents.isEmpty)
    }

    @Test func `every suite shakes hands`() throws {
        for kem in NoiseKEM.allCases {
            for cipher in NoiseCipher.allCases {
                for hash in NoiseHash.allCases {
                    let suites = SuitePreferences(only: NoiseSuite(kem: kem, cipher: cipher, hash: hash))
                    var pair = PeerPair(try TestNode(1, suites: suites), try TestNode(2, suites: suites))
                    pair.establish()
                    pair.dialler.enqueue(.extenders([ShippedExtender.socks5]))
                    pair.run()
                    #expect(pair.acceptorEvents == [.message(.extenders([ShippedExtender.socks5]))])
                }
            }
        }
    }

    @Test func `a flight may come byte by byte`() throws {
        var pair = PeerPair(try TestNode(1), try TestNode(2))
        pair.start()

        var flight = pair.toAcceptor
        while let byte = flight.readSlice(length: 1) {
            pair.toAcceptor = byte
            pair.deliverToAcceptor()
        }
        pair.run()

        #expect(pair.acceptor.established != nil)
    }

    @Test func `no truncation of a first flight is answered`() throws {
        let (ada, ben) = (try TestNode(1), try TestNode(2))
        var pair = PeerPair(ada, ben)
        pair.start()
        let flight = pair.toAcceptor

        for count in stride(from: 0, to: flight.readableBytes, by: 7) {
            var short = PeerPair(ada, try TestNode(2))
            short.start()
            short.toAcceptor = flight.getSlice(at: 0, length: count) ?? flight
            short.deliverToAcceptor()
            #expect(short.toDialler.readableBytes == 0)
            short.clock.advance(by: .seconds(31))
            short.acceptor.deadlinePassed(at: short.clock.now, events: &short.acceptorEvents)
            #expect(short.acceptorEvents == [.closed(.handshakeTimedOut)])
        }
    }

    /// Every bit of the seed, header and tag, and one of each byte of the body.
    @Test(arguments: [1, 2, 3]) func `no flipped bit of a flight is accepted`(_ number: Int) throws {
        let settings = SessionSettings.withoutPadding
        let (ada, ben) = (try TestNode(1, settings: settings), try TestNode(2, settings: settings))
        var bit = 0
        while true {
            var pair = PeerPair(ada, ben)
            pair.start()
            if number > 1 { pair.deliverToAcceptor() }
            if number > 2 { pair.deliverToDialler() }
            var flight = number == 2 ? pair.toDialler : pair.toAcceptor
            guard bit < flight.readableBytes * 8 else { break }
            let byte = flight.getInteger(at: bit / 8, as: UInt8.self) ?? 0
            flight.setInteger(byte ^ 1 << UInt8(bit % 8), at: bit / 8)
            if number == 2 { pair.toDialler = flight } else { pair.toAcceptor = flight }

            if number == 2 { pair.deliverToDialler() } else { pair.deliverToAcceptor() }

            #expect((number == 2 ? pair.toAcceptor : pair.toDialler).readableBytes == 0, "bit \(bit)")
            let events = number == 2 ? pair.diallerEvents : pair.acceptorEvents
            #expect(events.allSatisfy { $0 == .closed(.unintelligible) }, "bit \(bit)")
            bit += bit < 66 * 8 ? 7 : 8 * 29 + 1
        }
    }

    @Test func `a handshake that takes too long is closed`() throws {
        var pair = PeerPair(try TestNode(1), try TestNode(2))
        pair.start()
        let deadline = pair.acceptor.nextDeadline ?? pair.clock.now
        #expect((pair.clock.now + .seconds(24)...pair.clock.now + .seconds(30)).contains(deadline))

        pair.clock.advance(by: .seconds(30))
        pair.acceptor.deadlinePassed(at: pair.clock.now, events: &pair.acceptorEvents)

        #expect(pair.acceptorEvents == [.closed(.handshakeTimedOut)])
        #expect(pair.acceptor.nextDeadline == nil)
    }

    @Test func `flights differ in length and share no byte at a place`() throws {
        let (ada, ben) = (try TestNode(1), try TestNode(2))
        var flights: [[UInt8]] = []
        for _ in 0..<16 {
            var pair = PeerPair(ada, ben)
            pair.start()
            flights.append(Array(pair.toAcceptor.readableBytesView))
        }

        #expect(Set(flights.map(\.count)).count > 8)
        let shortest = flights.map(\.count).min() ?? 0
        let fixed = (0..<shortest).filter { place in Set(flights.map { $0[place] }).count == 1 }
        #expect(fixed.isEmpty)
    }
}

extension SessionSettings {
    static var withoutPadding: SessionSettings {
        var settings = SessionSettings()
        settings.flightPadding = 0...0
        settings.padding = .none
        return settings
    }
}
