import GateAccess
package import GateCrypto
package import GateModel
package import GateWire
package import NIOCore

/// One handshake of the peer protocol, either side: masked flights around a Noise handshake.
///
///     initiator   idle ──start──▶ awaitingAnswer ──answer holds, admitted──▶ complete      (mutual: writes the last)
///                                   ▲  ▲   │ retry, the first time: writes an opening anew
///                                   │  └───┤
///                                   │      │ one with a puzzle
///                                   │      ▼
///                                   └── solving      (solved: writes an opening anew)
///     responder   awaitingOpening ──opening holds──▶ awaitingLast ──last holds, admitted──▶ complete
///                   ▲      │             └─ anonymous, admitted ─▶ complete                (both write the answer)
///                   └──────┘ suite not taken here, or under load, the first time: writes a retry
///     any         ──header does not open, stale, seen──▶ failed (discard)   ──anything else──▶ failed
///
/// Flights are numbered as they come on the connection: opening 1, answer 2, last 3; with a retry opening 1, retry 2,
/// opening 3, answer 4, last 5.
///
/// | flight | bytes |
/// | --- | --- |
/// | 32 | seed, fresh |
/// | 34 | sealed ``FlightHeader`` |
/// | n + 16 | sealed body: message, then padding |
///
/// The message is Noise's; in a retry none, or a `Puzzle`; in the opening behind one the solution, then Noise's.
///
/// Noise payloads (``FlightPayload``): openings none; answer and last the flight's choices (14 bytes), then the sender's
/// certificate, with an ML-DSA key in it the sender's signature; in the last of a peer's handshake a ``ResumptionProof``
/// may follow.
/// Prologue: context ‖ choices of flight 1; with a retry ‖ choices of flight 2 ‖ its message ‖ choices of flight 3 ‖ the
/// solution. Input beyond the last flight is left for the session.
package struct Handshake: ~Copyable {
    /// What the caller does next. Bytes to send are appended to the output in any case.
    package enum Step: Equatable {
        /// Wait for more input.
        case needsMore
        /// ``finish()`` gives the secrets.
        case complete
        /// Answer nothing; read on until the handshake's time is over, then close.
        case discard
        /// Close, without a word but what the output holds: a retry that names no suite, or nothing.
        case failed(SessionFailure)
    }

    enum Phase: Equatable { case idle, awaitingOpening, awaitingAnswer, solving, awaitingLast, complete, failed }

    /// Decides about a peer whose certificate holds (or that has none).
    package typealias Admission = (PeerClaim) -> Bool

    let role: SessionRole
    let environment: SessionEnvironment
    /// The node that the initiator dialled: masks go by it in both directions.
    let dialled: NodeUUID
    let contexts: [HandshakeContext]
    let presence: Presence
    /// The suites of the moment when the connection began.
    let suites: SuitePreferences
    /// The network's secret on this connection.
    let secret: SharedSecret?
    var phase: Phase
    /// The header of the newest opening: once a retry was sent, of the only one that may follow.
    var choices: FlightHeader?
    /// What Noise hashes first; grows by retry and second opening.
    var prologue: [UInt8] = []
    /// Flights that this connection has seen so far, both ways.
    var flightCount: UInt8 = 0
    /// Whether a retry was sent or taken: there is one at most.
    var isRetried = false
    /// The puzzle that a retry asked to solve, until it is.
    var puzzle: Puzzle?
    /// What the opening counts as, until the other side has proven itself.
    var answered: PuzzleLoad.Answer?
    /// The version that the responder chose, once it has.
    var version: UInt8?
    var noise: NoiseHandshake?
    var peer: SessionPeer?
    var reader = FlightReader()
    /// What the initiator wants to go on with; gone once the last flight is written.
    var resumption: ResumptionClaim?
    /// What the responder was shown to go on with.
    var proof: ResumptionProof?

    /// The side that dials `node`; with `suite`, that one of the environment's instead of its favourite. A `resumption`
    /// goes along where the handshake is mutual.
    package init(
        dialling node: NodeUUID, context: HandshakeContext, presence: Presence, environment: SessionEnvironment,
        suite: NoiseSuite? = nil, resumption: consuming ResumptionClaim? = nil
    ) {
        self.resumption = resumption
        self.role = .initiator
        self.environment = environment
        self.dialled = node
        self.contexts = [context]
        self.presence = presence
        self.suites = environment.suites
        self.secret = environment.secret(dialling: node)
        self.phase = .idle
        self.choices = FlightHeader(
            versions: environment.versions, pattern: presence.pattern, context: context,
            suite: (suite ?? suites.favourite).numbers, offers: suites.offers.bytes, minute: 0)
    }

    /// The side that answers, for the given contexts only.
    package init(accepting contexts: [HandshakeContext], environment: SessionEnvironment) {
        self.role = .responder
        self.environment = environment
        self.dialled = environment.node
        self.contexts = contexts
        self.presence = .mutual(environment.credentials)
        self.suites = environment.suites
        self.secret = environment.sharedSecret
        self.phase = .awaitingOpening
    }

    /// Whether ``finish()`` may be called.
    package var isComplete: Bool { phase == .complete }

    /// The initiator's first flight; nothing for a responder.
    package mutating func start(wall: UnixTime, into output: inout ByteBuffer) -> Step {
        guard phase == .idle, var header = choices else { return phase == .awaitingOpening ? .needsMore : fail() }
        header.minute = UInt32(clamping: wall.minutes)
        choices = header
        prologue = [header.context.rawValue] + header.choices
        phase = .awaitingAnswer
        do throws(NoiseFailure) { return try open(header, into: &output) } catch { return fail(error) }
    }

    /// Takes bytes of the other side's next flight off the input.
    package mutating func received(
        _ input: inout ByteBuffer, wall: UnixTime, admit: Admission, into output: inout ByteBuffer
    ) -> Step {
        switch phase {
        case .awaitingOpening, .awaitingAnswer, .awaitingLast: break
        case .solving: return discard()  // the other side has nothing to say before this side's opening
        case .idle, .complete, .failed: return fail()
        }
        let place = place(of: role == .initiator ? .toInitiator : .toResponder)
        do throws(SecretMemoryFailure) {
            if let header = try reader.header(&input, at: place) {
                if let refusal = judge(header, wall: wall, admit: admit) { return refusal }
            }
        } catch { return fail(.memory(error)) }
        switch reader.body(&input) {
        case .needsMore: return .needsMore
        case .unintelligible: return discard()
        case .flight(let header, let message):
            flightCount += 1
            return received(header, message, wall: wall, admit: admit, into: &output)
        }
    }

    /// Ends a complete handshake.
    package consuming func finish() throws(SecretMemoryFailure) -> SessionSecrets {
        guard phase == .complete, let peer, let version, let context = choices?.context, let noise = noise.take()
        else {
            preconditionFailure("a handshake is finished once complete")
        }
        return try SessionSecrets(
            noise.finish(), peer: peer, context: context, version: version, proof: proof, slab: environment.slab)
    }

    // MARK: Ends

    mutating func fail(_ failure: SessionFailure = .handshakeFailed) -> Step {
        phase = .failed
        puzzle = nil
        noise = nil
        return .failed(failure)
    }

    mutating func fail(_ failure: NoiseFailure) -> Step {
        switch failure {
        case .memory: fail(.closed(.overloaded))
        case .truncated, .oversized, .notAuthentic, .badKey, .outOfTurn: fail(.handshakeFailed)
        }
    }

    mutating func discard() -> Step {
        phase = .failed
        puzzle = nil
        noise = nil
        return .discard
    }

    // MARK: Parts that both sides share

    /// A fresh Noise handshake over the prologue as it is.
    func makeNoise(_ suite: NoiseSuite, _ opening: FlightHeader) throws(NoiseFailure) -> NoiseHandshake {
        let pattern: NoisePattern
        switch opening.pattern {
        case .mutual: pattern = secret == nil ? .mutual : .mutualShared
        case .anonymous: pattern = secret == nil ? .anonymous : .anonymousShared
        }
        var key: StaticKey?
        if case .mutual(let credentials) = presence { key = credentials.staticKey }
        return try NoiseHandshake(
            pattern: pattern, suite: suite, role: role, prologue: prologue, localStatic: key,
            psks: secret.map { [$0.psk] } ?? [], entropy: environment.entropy, slab: environment.slab)
    }

    /// The initiator's opening, with keys of its own.
    mutating func open(
        _ header: FlightHeader, _ solution: [UInt8] = [], into output: inout ByteBuffer
    ) throws(NoiseFailure) -> Step {
        guard let suite = NoiseSuite(numbers: header.suite) else { return fail() }
        noise = try makeNoise(suite, header)
        return try writeFlight(header, solution, payload: FlightPayload(), into: &output)
    }

    /// Appends this side's next flight: what stands first in its message, then a Noise message with the payload, or with
    /// `nil`, in a retry, none.
    mutating func writeFlight(
        _ choices: FlightHeader, _ first: [UInt8] = [], payload: FlightPayload?, into output: inout ByteBuffer
    ) throws(NoiseFailure) -> Step {
        var body = ByteBuffer()
        body.reserveCapacity(4096)
        body.writeBytes(first)
        if let payload { try noise?.writeMessage(into: &body) { payload.bytes(signing: $0) } }
        var header = choices
        header.messageBytes = body.readableBytes
        let room = WireLimits.flightBodyBytesMax - body.readableBytes
        guard room >= 0 else { throw .oversized }
        let least = payload == nil ? Handshake.retryBytes - body.readableBytes : 0
        body.writeRepeatingByte(
            0, count: min(room, least + environment.random(in: environment.settings.flightPadding)))
        header.bodyBytes = body.readableBytes
        let seed = environment.random.bytes(FlightMask.seedByteCount)
        do throws(SecretMemoryFailure) {
            let mask = try place(of: role == .initiator ? .toResponder : .toInitiator).mask(seed)
            output.writeBytes(seed)
            mask.seal(.header, header.encoded, into: &output)
            mask.seal(.body, body, into: &output)
        } catch { throw .memory(error) }
        flightCount += 1
        return .needsMore
    }

    /// Where the connection's next flight is, if it goes that way.
    private func place(of direction: FlightMask.Direction) -> FlightPlace {
        FlightPlace(
            dialled: dialled, secret: secret, direction: direction, number: flightCount + 1, slab: environment.slab)
    }

    /// Bytes of a retry's body beside the random padding, a puzzle included: so that it is about as long as an answer, and
    /// as long with a puzzle as without.
    private static let retryBytes = 1_280
}

extension Presence {
    fileprivate var pattern: FlightHeader.Pattern {
        switch self {
        case .mutual: .mutual
        case .anonymous: .anonymous
        }
    }
}

extension UnixTime {
    var minutes: Int64 { seconds / 60 }
}
