import GateCrypto
package import GateModel
package import GateSession
package import GateWire
package import NIOCore

/// Two `PeerConnection`s, the dialler's and the acceptor's, with a wire between them that a test can look at and change.
package struct PeerPair: ~Copyable {
    package var dialler: PeerConnection
    package var acceptor: PeerConnection
    package var clock = ManualClock()
    /// Bytes on their way, in each direction.
    package var toAcceptor = ByteBuffer()
    package var toDialler = ByteBuffer()
    /// Which extenders take messages at the acceptor.
    package var acceptorTakes: Session.Taker = { _ in true }
    /// Bytes that came to the acceptor while it did not read.
    package var keptByAcceptor = ByteBuffer()
    /// Everything that each side reported.
    package var diallerEvents: [PeerEvent] = []
    package var acceptorEvents: [PeerEvent] = []
    /// What each side was asked to admit, and what it says.
    package var claims: [PeerClaim] = []
    package var diallerAdmits = true
    package var acceptorAdmits = true

    package init(
        _ dialler: TestNode, _ acceptor: TestNode, dialling: NodeUUID? = nil, context: HandshakeContext = .peer,
        isAnonymous: Bool = false, resumption: consuming ResumptionClaim? = nil
    ) {
        self.dialler = PeerConnection(
            dialling: dialling ?? acceptor.node, context: context,
            presence: isAnonymous ? .anonymous : .mutual(dialler.credentials), environment: dialler.environment,
            resumption: resumption)
        self.acceptor = PeerConnection(accepting: [context], environment: acceptor.environment)
    }

    /// Begins both sides; the first flight is on its way then.
    package mutating func start() {
        acceptor.start(at: clock.now, wall: clock.wall, into: &toDialler, events: &acceptorEvents)
        dialler.start(at: clock.now, wall: clock.wall, into: &toAcceptor, events: &diallerEvents)
    }

    /// Gives the acceptor what is on its way to it.
    package mutating func deliverToAcceptor() {
        var input = keptByAcceptor
        input.writeBuffer(&toAcceptor)
        toAcceptor = ByteBuffer()
        let answer = acceptorAdmits
        var claims = claims
        acceptor.received(
            &input, at: clock.now, wall: clock.wall,
            admit: {
                claims.append($0)
                return answer
            }, takes: acceptorTakes, into: &toDialler, events: &acceptorEvents)
        keptByAcceptor = input
        self.claims = claims
        acceptor.seal(into: &toDialler, budget: .max >> 1)
    }

    /// Gives the dialler what is on its way to it.
    package mutating func deliverToDialler() {
        var input = toDialler
        toDialler = ByteBuffer()
        let answer = diallerAdmits
        var claims = claims
        dialler.received(
            &input, at: clock.now, wall: clock.wall,
            admit: {
                claims.append($0)
                return answer
            }, into: &toAcceptor, events: &diallerEvents)
        self.claims = claims
        dialler.seal(into: &toAcceptor, budget: .max >> 1)
    }

    /// Solves the puzzle that the dialler was given, if it was.
    package mutating func solve() {
        guard let solution = dialler.puzzle?.solution(in: 0...UInt64.max) else { return }
        dialler.solved(solution, at: clock.now, wall: clock.wall, into: &toAcceptor, events: &diallerEvents)
    }

    /// Seals what waits and delivers, and solves, both ways, until nothing moves.
    package mutating func run() {
        repeat {
            dialler.seal(into: &toAcceptor, budget: .max >> 1)
            acceptor.seal(into: &toDialler, budget: .max >> 1)
            if toAcceptor.readableBytes > 0 { deliverToAcceptor() }
            if toDialler.readableBytes > 0 { deliverToDialler() }
            solve()
        } while toAcceptor.readableBytes + toDialler.readableBytes > 0
    }

    /// Shakes hands and forgets the events.
    package mutating func establish() {
        start()
        run()
        diallerEvents = []
        acceptorEvents = []
    }
}
