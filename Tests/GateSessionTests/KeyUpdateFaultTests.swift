import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore
import Testing

/// What other sides do that do not keep to the protocol, and what becomes of records that are tampered with.
@Suite struct KeyUpdateFaultTests {
    let ada: TestNode
    let ben: TestNode

    init() throws {
        ada = try TestNode(1, settings: .updating(seconds: 300))
        ben = try TestNode(2, settings: .updating())
    }

    /// A request as a sound peer would make it; the offer is what it keeps.
    private func request(_ epoch: UInt32) throws -> KeyShare {
        let offer = try HybridOffer(.mlkem768, entropy: .system, in: ada.environment.slab)
        return KeyShare(epoch: epoch, agreement: offer.agreementKey, encapsulation: offer.encapsulationKey)
    }

    /// An answer to a request.
    private func reply(to request: KeyShare) throws -> KeyShare {
        let answer = try HybridAnswer(
            to: request.agreement, request.encapsulation, .mlkem768, entropy: .system, in: ada.environment.slab)
        return KeyShare(epoch: request.epoch, agreement: answer.agreementKey, encapsulation: answer.ciphertext)
    }

    @Test(arguments: [0, 2, .max] as [UInt32]) func `a request for another epoch than the next breaks the protocol`(
        _ epoch: UInt32
    ) throws {
        var pair = try StandingPair(ada, ben)
        #expect(pair.tellAcceptor(.keyRequest(try request(epoch))) == .protocolViolation)
    }

    @Test func `a second request before the first update is finished breaks the protocol`() throws {
        var pair = try StandingPair(ada, ben)
        let again = try request(1)
        #expect(pair.tellAcceptor(.keyRequest(again)) == nil)
        #expect(pair.tellAcceptor(.keyRequest(again)) == .protocolViolation)
    }

    @Test func `a second request of the loser of a tie breaks the protocol`() throws {
        var pair = try StandingPair(ada, ben)
        pair.clock.advance(by: .seconds(300))
        #expect(pair.dialler.deadlinePassed(at: pair.clock.now) == nil)
        #expect(pair.tellDialler(.keyRequest(try request(1))) == nil)
        #expect(pair.tellDialler(.keyRequest(try request(1))) != nil)
    }

    @Test func `replies and switches that nobody waits for break the protocol`() throws {
        let sound = try reply(to: try request(1))
        for message in [SessionMessage.keyReply(sound), .keySwitch(epoch: 0), .keySwitch(epoch: 1)] {
            var pair = try StandingPair(ada, ben)
            #expect(pair.tellAcceptor(message) == .protocolViolation)
            // Nor while a request is under way: a switch follows a reply.
            guard case .keySwitch = message else { continue }
            pair.clock.advance(by: .seconds(300))
            _ = pair.dialler.deadlinePassed(at: pair.clock.now)
            #expect(pair.tellDialler(message) == .protocolViolation)
        }
    }

    @Test func `replies to another request, or twice, break the protocol`() throws {
        for (first, second) in [(2, nil), (0, nil), (1, 1)] as [(UInt32, UInt32?)] {
            var pair = try StandingPair(ada, ben)
            pair.clock.advance(by: .seconds(300))
            _ = pair.dialler.deadlinePassed(at: pair.clock.now)
            var share = try reply(to: try request(1))
            share.epoch = first
            let failure = pair.tellDialler(.keyReply(share))
            guard let second else {
                #expect(failure == .protocolViolation)
                continue
            }
            // Nobody can tell that it answers another request's keys: the next record would not open.
            #expect(failure == nil)
            share.epoch = second
            #expect(pair.tellDialler(.keyReply(share)) == .protocolViolation)
        }
    }

    @Test func `a switch to another epoch, a second one, and words behind one break the protocol`() throws {
        for (messages, failure) in [
            ([.keySwitch(epoch: 2)], .protocolViolation), ([.keySwitch(epoch: 0)], .protocolViolation),
            ([.keySwitch(epoch: 1)], nil),
            ([.keySwitch(epoch: 1), .receipt(id: 1, status: .delivered)], .protocolViolation),
            ([.keySwitch(epoch: 1), .keySwitch(epoch: 1)], .protocolViolation),
        ] as [([SessionMessage], SessionFailure?)] {
            var pair = try StandingPair(ada, ben)
            #expect(pair.tellAcceptor(.keyRequest(try request(1))) == nil)
            var plaintext = ByteBuffer()
            for message in messages { MessageCodec.encode(message, into: &plaintext) }
            plaintext.writeBytes([0, 1, 2])
            var events: [PeerEvent] = []
            pair.acceptor.received(plaintext: &plaintext, wall: pair.clock.wall, into: &events)
            #expect(pair.acceptor.failure == failure, "\(messages)")
            guard failure == nil else { continue }
            #expect(events == [.keysUpdated(epoch: 1)])
            #expect(pair.tellAcceptor(.keySwitch(epoch: 1)) == .protocolViolation)
        }
    }

    @Test func `keys that can't be are refused`() throws {
        let sound = try request(1)
        let changes: [(inout KeyShare) -> Void] = [
            { $0.agreement = [UInt8](repeating: 0, count: 32) },
            { $0.agreement = [1] + [UInt8](repeating: 0, count: 31) },
            { $0.encapsulation.replaceSubrange(0..<3, with: [0xff, 0xff, 0xff]) },
            { $0.encapsulation.removeLast() },
            { $0.encapsulation.append(0) },
            { $0.encapsulation = [] },
            { $0.encapsulation = [UInt8](repeating: 0, count: 1568) },
        ]
        for (index, change) in changes.enumerated() {
            var pair = try StandingPair(ada, ben)
            var share = sound
            change(&share)
            #expect(pair.tellAcceptor(.keyRequest(share)) == .protocolViolation, "request \(index)")
            guard index != 2 else { continue }  // any ciphertext of the right length is one
            pair.clock.advance(by: .seconds(300))
            _ = pair.dialler.deadlinePassed(at: pair.clock.now)
            var answer = try reply(to: sound)
            change(&answer)
            #expect(pair.tellDialler(.keyReply(answer)) == .protocolViolation, "reply \(index)")
        }
    }

    @Test func `in a session of version 1 each of them breaks the protocol`() throws {
        let sound = try request(1)
        let old = try TestNode(2, versions: PeerVersions(only: 1))
        for message in [SessionMessage.keyRequest(sound), .keyReply(try reply(to: sound)), .keySwitch(epoch: 1)] {
            var pair = try StandingPair(ada, old)
            #expect(pair.tellAcceptor(message) == .protocolViolation)
        }
    }

    @Test func `what nobody answers ends in time, and the other side is told that nothing was heard`() throws {
        var pair = PeerPair(ada, ben)
        pair.establish()
        pair.pass(.seconds(300))
        pair.dialler.seal(into: &pair.toAcceptor, budget: 1)
        #expect(pair.dialler.nextDeadline == pair.clock.now + .seconds(240))
        pair.pass(.seconds(239))
        #expect(pair.diallerEvents == [])
        pair.pass(.seconds(1))

        #expect(pair.diallerEvents == [.closed(.keyUpdateTimedOut)])
        pair.run()
        #expect(pair.acceptorEvents == [.closed(.closedByPeer(.idle))])
        #expect(SessionFailure.keyUpdateTimedOut.isAuthenticated == false)
    }

    @Test func `who asks and never switches loses the session in time`() throws {
        var pair = try StandingPair(ada, ben)
        #expect(pair.tellAcceptor(.keyRequest(try request(1))) == nil)
        pair.emptyAcceptor()
        pair.clock.advance(by: .seconds(239))
        #expect(pair.acceptor.deadlinePassed(at: pair.clock.now) == nil)
        pair.clock.advance(by: .seconds(1))
        #expect(pair.acceptor.deadlinePassed(at: pair.clock.now) == .keyUpdateTimedOut)
    }

    @Test func `what waits for a side that does not read is one reply and one switch`() throws {
        var pair = try StandingPair(ada, ben)
        #expect(pair.tellAcceptor(.keyRequest(try request(1))) == nil)
        #expect(pair.tellAcceptor(.keySwitch(epoch: 1)) == nil)
        let waiting = pair.acceptor.queuedBytes
        #expect(waiting == 39 + 1088 + 5)
        #expect(pair.tellAcceptor(.keyRequest(try request(2))) == .protocolViolation)
    }

    // MARK: Records

    @Test(arguments: [
        ("the switch is lost", [1]), ("the switch comes twice", [0, 0]), ("the switch comes late", [1, 0]),
        ("what follows comes twice", [0, 1, 1]),
    ]) func `records that are lost, repeated or in another order end the session`(
        _ name: String, _ order: [Int]
    ) throws {
        var answered = try Answered(ada, ben)

        for place in order { answered.deliver(place == 0 ? answered.ending : answered.next) }
        answered.deliverNoise()

        #expect(answered.pair.diallerEvents.last == .closed(.recordRefused), "\(name)")
        let updates = answered.pair.diallerEvents.count { $0 == .keysUpdated(epoch: 1) }
        #expect(updates == (order[0] == 0 ? 1 : 0), "\(name)")
        let words = answered.pair.diallerEvents.count { $0 == .message(.receipt(id: 1, status: .delivered)) }
        #expect(words == (order.starts(with: [0, 1]) ? 1 : 0), "\(name)")
    }

    @Test func `no flipped byte of the records of an update is accepted`() throws {
        let count = try Answered(ada, ben).ending.readableBytes
        for place in stride(from: 0, to: count, by: 13) {
            var answered = try Answered(ada, ben)
            let place = place % answered.ending.readableBytes
            let byte = answered.ending.getInteger(at: place, as: UInt8.self) ?? 0
            answered.ending.setInteger(byte ^ 4, at: place)

            answered.deliver(answered.ending)
            answered.deliverNoise()

            #expect(answered.pair.diallerEvents == [.closed(.recordRefused)], "byte \(place)")
        }
    }
}

/// An update that the dialler asked for, its answer not yet delivered: the record with reply and switch, and one of the
/// next epoch.
private struct Answered: ~Copyable {
    var pair: PeerPair
    var ending: ByteBuffer
    var next: ByteBuffer

    init(_ first: TestNode, _ second: TestNode) throws {
        var pair = PeerPair(first, second)
        pair.establish()
        pair.pass(.seconds(300))
        pair.dialler.seal(into: &pair.toAcceptor, budget: 1)
        pair.deliverToAcceptor()
        ending = pair.toDialler.slice()
        pair.toDialler = ByteBuffer()
        pair.acceptor.enqueue(.receipt(id: 1, status: .delivered))
        pair.acceptor.seal(into: &pair.toDialler, budget: 1)
        next = pair.toDialler.slice()
        pair.toDialler = ByteBuffer()
        self.pair = pair
    }

    mutating func deliver(_ bytes: ByteBuffer) {
        pair.toDialler = bytes
        pair.deliverToDialler()
    }

    /// Enough for a record of any length to be whole, then time for reading on after a refused one to end.
    mutating func deliverNoise() {
        deliver(ByteBuffer(repeating: 3, count: 65_537))
        pair.clock.advance(by: .seconds(10))
        pair.dialler.deadlinePassed(at: pair.clock.now, events: &pair.diallerEvents)
    }
}
