import GateAccess
package import GateCrypto
package import GateModel
package import GateWire
package import NIOCore

/// One connection of the peer protocol from its first byte to its last: the handshake, then the session. What drivers
/// hold; bytes, messages and time in, bytes and events out.
///
///     handshaking ──holds──▶ established ──close, idle, fault──▶ closed
///          ├──fails─────────────────────────────────────────────▲
///          └──not intelligible──▶ discarding ──time is up──────────▲       (also from established: bad record)
///
/// While it handshakes, a dialler may be given a ``puzzle``: it waits for the driver to solve that, its time going on.
///
/// What is not intelligible changes nothing of when the connection ends: at the deadline that its handshake has from its
/// first moment on, however much comes, and whatever that is.
///
/// Flights of a direct connection may wait and leave in pieces (``SessionSettings/flightDelay``): `seal` gives them,
/// before any record.
///
/// How a driver uses it, all on one event loop:
///
/// 1. `start` once connected; write `output`.
/// 2. For all bytes read: `received`; write `output`; act on the events.
/// 3. `enqueue` any number of messages; then, once per batch and whenever the connection becomes writable, `seal` with
///    the bytes that may be in flight as budget; write and flush. `queuedBytes` says what waits.
/// 4. One timer at `nextDeadline`, asked again each time it fires: `deadlinePassed`; then as in 2 and 3.
/// 5. While there is ``resumesReading``: keep what `received` left of its input, and read no more.
/// 6. On `.closed`, the last event: `seal` once more, flush, close the connection.
/// 7. While there is a ``puzzle``: solve it elsewhere, then ``solved(_:at:wall:into:events:)``; write `output`.
/// 8. While `isDiscarding`, read slowly: all that comes is thrown away.
package struct PeerConnection: ~Copyable {
    private struct Discarding {
        let until: MonotonicInstant
        let failure: SessionFailure
    }

    private let environment: SessionEnvironment
    private var handshake: Handshake?
    private var handshakeDeadline: MonotonicInstant?
    private var session: Session?
    private var discarding: Discarding?
    /// Flights that have not left yet; `nil` where none waits.
    private var departure: Departure?
    /// What the answer to an anonymous dialler counts as, until the first of its records opens.
    private var unproven: PuzzleLoad.Answer?
    /// Why the connection ends once its last flight has left.
    private var parting: SessionFailure?
    /// Whether flights may wait: those inside a circuit are cells of its relays' sessions.
    private let isDirect: Bool
    /// Whether `.closed` was reported.
    package private(set) var isClosed = false

    /// The side that dialled `node`. For circuits `context` is `.endToEnd`; `suite` replaces the environment's favourite;
    /// `resumption` asks to go on with a session that was.
    package init(
        dialling node: NodeUUID, context: HandshakeContext = .peer, presence: Presence,
        environment: SessionEnvironment, suite: NoiseSuite? = nil, resumption: consuming ResumptionClaim? = nil
    ) {
        self.environment = environment
        self.isDirect = context == .peer
        self.handshake = Handshake(
            dialling: node, context: context, presence: presence, environment: environment, suite: suite,
            resumption: resumption)
    }

    /// The side that accepted, for handshakes of the given contexts only.
    package init(accepting contexts: [HandshakeContext] = [.peer], environment: SessionEnvironment) {
        self.environment = environment
        self.isDirect = contexts == [.peer]
        self.handshake = Handshake(accepting: contexts, environment: environment)
    }

    /// The session, once it stands.
    package var established: Established? {
        switch session {
        case .some(let session): session.established
        case .none: nil
        }
    }

    /// Whether what comes is thrown away until the connection ends.
    package var isDiscarding: Bool { discarding != nil }

    /// Whether a flight of this side waits to leave.
    package var isDeparting: Bool { departure != nil }

    /// What this side has to solve before its handshake goes on, if anything.
    package var puzzle: Puzzle? {
        switch handshake {
        case .some(let handshake): handshake.phase == .solving ? handshake.puzzle : nil
        case .none: nil
        }
    }

    /// Starts the clock of the handshake; appends the dialler's first flight, unless that waits.
    package mutating func start(
        at now: MonotonicInstant, wall: UnixTime, into output: inout ByteBuffer, events: inout [PeerEvent]
    ) {
        handshakeDeadline = now + environment.handshakeTime()
        let start = output.writerIndex
        guard let step = handshake?.start(wall: wall, into: &output) else { return }
        hold(&output, from: start, at: now)
        follow(step, at: now, into: &events)
    }

    /// Takes all bytes off the input, but for those that wait until ``resumesReading``. `admit` is asked once, during the
    /// handshake, when the other side is proven (or says that it is anonymous) and before it is told anything; `takes`
    /// before a message is unfolded. `output` gets the handshake's answer; a session's messages wait for `seal`.
    package mutating func received(
        _ input: inout ByteBuffer, at now: MonotonicInstant, wall: UnixTime, admit: Handshake.Admission,
        takes: Session.Taker = { _ in true }, into output: inout ByteBuffer, events: inout [PeerEvent]
    ) {
        // Whatever stands behind a flight that is to be answered is taken for the next, and is none.
        let start = output.writerIndex
        if handshake != nil { environment.puzzleLoad.advance(to: now) }
        while input.readableBytes > 0,
            let step = handshake?.received(&input, wall: wall, admit: admit, into: &output)
        {
            hold(&output, from: start, at: now)
            follow(step, at: now, into: &events)
        }
        if discarding == nil, let failure = session?.received(&input, at: now, wall: wall, takes: takes, into: &events)
        {
            if failure == .recordRefused { discardRecords(at: now) } else { close(failure, into: &events) }
        }
        countProof()
        if resumesReading == nil { input.moveReaderIndex(to: input.writerIndex) }
    }

    /// The ``puzzle`` is solved: `output` gets the second opening. Does nothing where there is none.
    package mutating func solved(
        _ solution: UInt64, at now: MonotonicInstant, wall: UnixTime, into output: inout ByteBuffer,
        events: inout [PeerEvent]
    ) {
        let start = output.writerIndex
        guard !isClosed, let step = handshake?.solved(solution, into: &output) ?? nil else { return }
        hold(&output, from: start, at: now)
        follow(step, at: now, into: &events)
    }

    /// Until when nothing is read: what stays in the input is given again, after ``deadlinePassed(at:events:)`` was called
    /// for that moment, before anything that came later. The driver reads no more from its carrier meanwhile.
    package var resumesReading: MonotonicInstant? {
        guard !isClosed, discarding == nil else { return nil }
        return switch session {
        case .some(let session): session.resumesReading
        case .none: nil
        }
    }

    /// A copy of the session's resumption secret, also after its end; `nil` before it stands.
    package func resumptionSecret() throws(SecretMemoryFailure) -> Secret? {
        switch session {
        case .some(let session): try session.resumptionSecret()
        case .none: nil
        }
    }

    // MARK: Sending

    /// A number for a stream that this side opens; `nil` before the session stands or while too many are open.
    package mutating func makeAlias() -> UInt32? { session?.makeAlias() }

    /// Queues a message; dropped before the session stands and after it ended.
    package mutating func enqueue(_ message: SessionMessage) { session?.enqueue(message) }

    /// Bytes that wait, those without credit included.
    package var queuedBytes: Int {
        switch session {
        case .some(let session): session.queuedBytes
        case .none: 0
        }
    }

    /// Bytes of all records that were sealed: stands still while the carrier takes nothing.
    package var sealedBytes: UInt64 {
        switch session {
        case .some(let session): session.traffic.total
        case .none: 0
        }
    }

    /// Whether `seal` would append something now.
    package var isSendable: Bool {
        if let departure { return departure.isReady }
        switch session {
        case .some(let session): return session.isSendable
        case .none: return false
        }
    }

    /// Appends what is due of flights, and once they have left whole records (64 KiB each at most) while something waits
    /// and fewer than `budget` bytes were appended.
    package mutating func seal(into output: inout ByteBuffer, budget: Int) {
        departure?.take(into: &output)
        if let departure, !departure.isOver { return }
        departure = nil
        session?.seal(into: &output, budget: budget)
    }

    /// To be called when the carrier takes no more for now: what waits keeps no buffers that it is slices of.
    package mutating func settle() { session?.settle() }

    /// Ends the connection on purpose: what waits is dropped, `seal` then gives the last record, with the reason.
    package mutating func close(_ reason: SessionCloseReason, events: inout [PeerEvent]) {
        session?.close(reason)
        close(.closed(reason), into: &events)
    }

    // MARK: Time

    /// When to call ``deadlinePassed(at:events:)``; ask again after each call. It moves later with every record, so a
    /// timer that fires early does no harm. `nil` once closed and before `start`.
    package var nextDeadline: MonotonicInstant? {
        if isClosed { return nil }
        guard let moment = departure?.next else { return end }
        return end.map { min($0, moment) } ?? moment
    }

    /// The same, whatever waits to leave.
    private var end: MonotonicInstant? {
        if let discarding { return discarding.until }
        switch session {
        case .some(let session): return session.nextDeadline
        case .none: return handshakeDeadline
        }
    }

    /// Lets a piece of a flight leave, pings, ends what is idle, late or has been discarded for long enough; does nothing
    /// early.
    package mutating func deadlinePassed(at now: MonotonicInstant, events: inout [PeerEvent]) {
        guard !isClosed, let deadline = nextDeadline, now >= deadline else { return }
        departure?.deadlinePassed(at: now)
        if let parting, departure?.next == nil { return close(parting, into: &events) }
        guard let end, now >= end else { return }
        if let ended = discarding.take() {
            close(ended.failure, into: &events)
        } else if session == nil {
            handshake = nil
            close(.handshakeTimedOut, into: &events)
        } else if let failure = session?.deadlinePassed(at: now) {
            close(failure, into: &events)
        }
    }

    // MARK: Following the handshake

    /// Takes a flight that was just written back off the output, where flights wait.
    private mutating func hold(_ output: inout ByteBuffer, from start: Int, at now: MonotonicInstant) {
        let settings = environment.settings
        guard isDirect, settings.flightDelay > .zero || departure != nil, let handshakeDeadline,
            let flight = output.getSlice(at: start, length: output.writerIndex - start), flight.readableBytes > 0
        else { return }
        output.moveWriterIndex(to: start)
        let longest = min(settings.flightDelay, (handshakeDeadline - now) / PeerConnection.shareOfFlight)
        if departure == nil { departure = Departure() }
        departure?.hold(flight, at: now, longest: longest, pieces: settings.flightPieces, environment)
    }

    /// A flight waits no longer than this part of what is left of its handshake's time.
    private static let shareOfFlight = 8

    private mutating func follow(_ step: Handshake.Step, at now: MonotonicInstant, into events: inout [PeerEvent]) {
        switch step {
        case .needsMore: break
        case .complete: establish(at: now, into: &events)
        case .discard:
            handshake = nil
            discarding = Discarding(until: handshakeDeadline ?? now, failure: .unintelligible)
        case .failed(let failure):
            handshake = nil
            if departure == nil { close(failure, into: &events) } else { parting = failure }
        }
    }

    /// An anonymous dialler proves that it has read the answer by its first record.
    private mutating func countProof() {
        guard let answer = unproven else { return }
        let hasHeard =
            switch session {
            case .some(let session): session.hasHeard
            case .none: false
            }
        guard hasHeard else { return }
        environment.puzzleLoad.completed(answer)
        unproven = nil
    }

    private mutating func establish(at now: MonotonicInstant, into events: inout [PeerEvent]) {
        guard let finished = handshake.take() else { return }
        unproven = finished.answered
        do throws(SecretMemoryFailure) {
            let session = try Session(finished.finish(), environment: environment, at: now)
            events.append(.established(session.established))
            self.session = consume session
        } catch { close(.closed(.overloaded), into: &events) }
    }

    /// After a refused record nothing is answered and nothing counted.
    private mutating func discardRecords(at now: MonotonicInstant) {
        let time = Duration.milliseconds(environment.random(in: environment.settings.refusedRecordTime))
        discarding = Discarding(until: now + time, failure: .recordRefused)
    }

    private mutating func close(_ failure: SessionFailure, into events: inout [PeerEvent]) {
        guard !isClosed else { return }
        isClosed = true
        departure?.hasten()
        events.append(.closed(failure))
    }
}
