package import GateCrypto
package import GateModel
package import GateWire
package import NIOCore

/// A standing session: messages in, records out, and the reverse.
///
///     open ──close(_:)──▶ closing ──seal: the close message is out──▶ closed
///       ├──peer's close, idle, violation, limit──────────────────────▲
///       └──record refused────────────────────────────────────────────▲
///
/// What is enqueued waits by class; `seal` makes records of it. Streams wait for the other side's credit, the rest does
/// not. Received stream bytes must stay within the limits that this side's `streamOpen` and `streamCredit` messages
/// named: exceeding them closes. Keys belong to an epoch; ``KeyUpdate`` replaces them while records flow.
///
/// Owns secrets; belongs to one event loop. Nothing is allocated for queues, streams or parts before there are any.
package struct Session: ~Copyable {
    /// Who is on the other side, what for, and the session's name.
    package let established: Established
    /// Why the session ended, once it has.
    package private(set) var failure: SessionFailure?

    /// Until when the certificate that the other side showed last holds; `nil` for an anonymous one.
    var certifiedUntil: UnixTime?
    let peerStaticKey: [UInt8]
    let environment: SessionEnvironment
    var keys: KeyUpdate
    var sealer: RecordSealer
    var opener: RecordOpener
    var outbox = Outbox()
    private var noise = NoiseSchedule()
    /// Noise that is to go into the next record; a record at a constant rate that may be made.
    private var noiseDue = 0
    /// What was sealed so far.
    package private(set) var traffic = TrafficCount()
    private var streams: StreamTable
    private var assembly = MessageAssembly()
    private var work = WorkAllowance()
    /// Until when no record is read, since the last ones made much work.
    package private(set) var resumesReading: MonotonicInstant?
    /// When the record came that is being worked off, or the last one.
    private(set) var lastHeard: MonotonicInstant
    private var isPinging = false
    private var pingNumber: UInt64 = 0
    /// After what part of the ping interval the next ping goes, in thousandths: drawn anew for each, so that idle sessions
    /// have no beat.
    private var pingShare: Int
    private static let pingShares = 600...1000

    /// Begins a session with the keys of epoch 0.
    package init(
        _ secrets: consuming SessionSecrets, environment: SessionEnvironment, at now: MonotonicInstant
    ) throws(SecretMemoryFailure) {
        let role = secrets.established.role
        let (suite, slab) = (secrets.suite, environment.slab)
        // All that can fail comes first: a value with secrets is made whole or not at all.
        let sending = try RecordKeys(
            root: secrets.root, suite: suite, direction: .sending(by: role), epoch: 0, slab: slab)
        let receiving = try RecordKeys(
            root: secrets.root, suite: suite, direction: .receiving(by: role), epoch: 0, slab: slab)
        let root = try secrets.root.copy()
        self.keys = KeyUpdate(
            root: root, suite: suite, established: secrets.established, environment: environment, at: now)
        self.peerStaticKey = secrets.peerStaticKey
        self.established = secrets.established
        self.certifiedUntil = secrets.established.peer.notAfter
        self.environment = environment
        self.sealer = RecordSealer(sending)
        self.opener = RecordOpener(receiving)
        self.streams = StreamTable(role: role)
        self.lastHeard = now
        self.pingShare = environment.random(in: Session.pingShares)
        followNoise(at: now)
        noiseDue = noise.first(at: now, environment)
    }

    /// Whether the other side has shown that it has the keys.
    var hasHeard: Bool { opener.counter > 0 }

    private var settings: SessionSettings { environment.settings }

    /// Circuits hide what a session sends in cells of relays' sessions: noise is of direct ones only.
    private mutating func followNoise(at now: MonotonicInstant) {
        if established.context == .peer { noise.follow(settings.noise, at: now, environment) }
    }

    /// What proves, in a later handshake, that this session is to go on:
    /// HKDF-Expand(root₀, label ‖ KEM ‖ AEAD ‖ hash ‖ 0 as the epoch of the keys), whatever epoch has come.
    package func resumptionSecret() throws(SecretMemoryFailure) -> Secret { try keys.resumptionSecret() }

    // MARK: Sending

    /// Bytes that wait to be sent, those without credit included.
    package var queuedBytes: Int { outbox.queuedBytes }

    /// Whether `seal` would append a record now.
    package var isSendable: Bool {
        if failure == nil, noise.constantRate != nil { return noiseDue > 0 }
        return outbox.isSendable || noiseDue > 0
    }

    /// A number for a stream that this side opens, or `nil` while it has as many open as are allowed.
    package mutating func makeAlias() -> UInt32? { streams.makeAlias() }

    /// Puts a message into its queue. Data and ends of streams that are gone are dropped; after `close` everything is.
    /// The caller keeps to the other side's credit, so queues are bounded by what it was granted; more than
    /// ``Outbox/controlBytesMax`` of control messages end the session.
    package mutating func enqueue(_ message: SessionMessage) {
        guard failure == nil else { return }
        defer { if outbox.isOverfull { violate(.limitExceeded) } }
        switch message {
        case .ping, .pong, .resumed, .extenders, .receipt, .streamAcknowledged, .circuitCredit, .circuitDestroy:
            outbox.append(control: message)
        case .close(let reason): close(reason)
        case .certificate: if speaksOfCertificates { outbox.append(control: message) }
        case .keyRequest, .keyReply, .keySwitch: break  // the session's own
        case .message(let message): outbox.append(message: compressed(message))
        case .cells(let cells): outbox.append(cells: cells)
        case .streamOpen(let alias, _, let extender, let priority, let credit):
            streams.open(alias, of: extender, priority: priority, credit: credit)
            outbox.append(control: message)
        case .streamData(let alias, let data):
            guard data.readableBytes > 0 else { return }
            guard let index = streams.index(of: alias), streams[index].finish == .open else { return }
            outbox.append(data: data, of: alias, &streams[index])
        case .streamCredit(let alias, let limit):
            guard let index = streams.index(of: alias) else { return }
            streams[index].receiveLimit = max(streams[index].receiveLimit, limit)
            outbox.append(control: message)
        case .streamFinish(let alias):
            guard let index = streams.index(of: alias), streams[index].finish == .open else { return }
            streams[index].finish = .waiting
            outbox.wake(alias, &streams[index])
        case .streamDone(let alias):
            if streams.sendDone(of: alias) { outbox.append(control: message) }
        case .streamResume(let alias, let resume):
            guard streams.sendResume(alias, resume) else { return }
            outbox.append(control: message)
        case .streamReset(let alias, _):
            guard let stream = streams.remove(alias) else { return }
            outbox.forget(stream)
            outbox.append(control: message)
        }
    }

    /// Ends the session: drops what waits and sends the reason as the last message.
    package mutating func close(_ reason: SessionCloseReason) { end(.closed(reason), telling: reason) }

    /// Appends whole records of at most 64 KiB each while something waits and fewer than `budget` bytes were appended.
    /// Makes room in `output` itself; copies each byte once and seals in place.
    package mutating func seal(into output: inout ByteBuffer, budget: Int) {
        let end = output.writerIndex + budget
        while output.writerIndex < end, isSendable { sealRecord(into: &output) }
    }

    /// What waits keeps no buffers from now on that it is slices of.
    mutating func settle() { outbox.settle(&streams) }

    private mutating func sealRecord(into output: inout ByteBuffer) {
        let rate = failure == nil ? noise.constantRate : nil
        let (policy, most) = (settings.padding, rate?.bytes ?? RecordSealer.plaintextBytesMax)
        let reserved = rate == nil ? min(policy.reserve(environment), most) : 0
        let room = most - reserved
        let overhead = WireLimits.recordHeaderBytes + WireLimits.tagBytes
        output.reserveCapacity(minimumWritableBytes: min(outbox.queuedBytes + 512, room) + overhead)
        let start = sealer.begin(&output)
        let first = output.writerIndex
        let endsEpoch = outbox.fill(&output, end: first + room, streams: &streams)
        let filled = output.writerIndex - first
        let noise = min(noiseDue, room - filled)
        // A full record is shorter by what was kept free; others grow by it.
        let isFull = reserved > 0 && room - filled < Outbox.leastRoom
        let wanted = rate == nil && !isFull ? policy.amount(for: filled + noise, reserved: reserved) : 0
        let padding = min(wanted, most - filled - noise)
        noiseDue = 0
        output.writeRepeatingByte(0, count: noise + padding)
        sealer.finish(&output, start: start)
        if endsEpoch { replaceSealer() }
        count(real: filled, noise: noise, padding: padding, overhead: overhead)
    }

    private mutating func count(real: Int, noise: Int, padding: Int, overhead: Int) {
        var record = TrafficCount()
        if real > 0 {
            (record.real, record.padding, record.noise) = (UInt64(real + overhead), UInt64(padding), UInt64(noise))
        } else {
            record.noise = UInt64(noise + padding + overhead)
        }
        traffic += record
        environment.traffic += record
    }

    // MARK: Receiving

    /// Takes all bytes off the input and appends what they say to `events`. Data are slices of a record's plaintext. Records
    /// that are not read before ``resumesReading`` stay in the input. What `takes` does not take is not unfolded.
    ///
    /// Returns why the session ended, if it did: `.recordRefused` says that nothing more may be answered; any other
    /// failure was or is told to the other side (`seal`).
    package mutating func received(
        _ input: inout ByteBuffer, at now: MonotonicInstant, wall: UnixTime, takes: Taker,
        into events: inout [PeerEvent]
    ) -> SessionFailure? {
        followNoise(at: now)
        resumesReading = nil
        while failure == nil {
            if let end = work.pause(at: now, shared: environment.work) {
                resumesReading = end
                return nil
            }
            switch opener.next(&input) {
            case .needsMore: return nil
            case .refused:
                end(.recordRefused, telling: nil)
            case .record(var plaintext):
                lastHeard = now
                isPinging = false
                received(plaintext: &plaintext, wall: wall, takes: takes, into: &events)
            }
        }
        input.moveReaderIndex(to: input.writerIndex)
        return failure
    }

    /// Takes what an authentic record holds.
    package mutating func received(
        plaintext: inout ByteBuffer, wall: UnixTime, takes: Taker = { _ in true }, into events: inout [PeerEvent]
    ) {
        do throws(WireFailure) {
            while failure == nil, let message = try MessageCodec.decode(&plaintext) {
                switch message {
                case .whole(.keySwitch(let epoch)):
                    let isLast = try MessageCodec.decode(&plaintext) == nil
                    if !isLast || !replaceOpener(epoch, into: &events) { violate(.protocolViolation) }
                case .whole(let message):
                    if let wrong = received(message, wall: wall, into: &events) { violate(wrong) }
                case .messageStart(let part, let head, let total):
                    received(
                        assembly.start(part: part, head: head, total: total, at: lastHeard), takes, into: &events)
                case .messagePart(let part, let bytes):
                    received(assembly.add(part: part, bytes), takes, into: &events)
                }
            }
        } catch {
            violate(.protocolViolation)
        }
    }

    private mutating func received(
        _ step: MessageAssembly.Step, _ takes: Taker, into events: inout [PeerEvent]
    ) {
        switch step {
        case .complete(let message):
            guard let restored = restored(message, takes: takes) else { return violate(.protocolViolation) }
            events.append(.message(.message(restored)))
        case .incomplete: break
        case .dropped(let id): if let id { outbox.append(control: .receipt(id: id, status: .queueFull)) }
        case .refused(let failure): violate(failure)
        }
    }

    private mutating func received(
        _ message: SessionMessage, wall: UnixTime, into events: inout [PeerEvent]
    ) -> SessionFailure? {
        switch message {
        case .certificate(let bytes): return received(certificate: bytes, wall: wall, into: &events)
        case .streamData(_, let data) where data.readableBytes == 0: return .protocolViolation
        case .circuitCredit(_, 0): return .protocolViolation
        case .streamData(let alias, let data):
            switch streams.received(data.readableBytes, of: alias) {
            case .accepted: events.append(.message(message))
            case .ignored: break
            case .refused(let failure): return failure
            }
        case .ping(let number): outbox.append(pong: number)
        case .pong: break
        case .close(let reason): end(.closedByPeer(reason), telling: nil)
        case .keyRequest(let request): return follow(keys.received(request: request, at: lastHeard))
        case .keyReply(let reply): return follow(keys.received(reply: reply))
        case .message, .keySwitch: return .protocolViolation  // come here by other ways
        case .resumed, .extenders, .receipt, .cells, .circuitCredit, .circuitDestroy: events.append(.message(message))
        case .streamOpen(let alias, _, let extender, let priority, let credit):
            let failure = streams.receivedOpen(alias, of: extender, priority: priority, credit: credit)
            if let failure { return failure }
            countStream()
            events.append(.message(message))
        case .streamCredit(let alias, let limit):
            guard streams.wasOpened(alias) else { return .protocolViolation }
            if let index = streams.index(of: alias) {
                streams[index].sendLimit = max(streams[index].sendLimit, limit)
                outbox.wake(alias, &streams[index])
            }
            events.append(.message(message))
        case .streamAcknowledged(let alias, _):
            guard streams.wasOpened(alias) else { return .protocolViolation }
            events.append(.message(message))
        case .streamFinish(let alias):
            switch streams.receivedFinish(of: alias) {
            case .accepted: events.append(.message(message))
            case .ignored: break
            case .refused(let failure): return failure
            }
        case .streamDone(let alias):
            switch streams.receivedDone(of: alias) {
            case .accepted: events.append(.message(message))
            case .ignored: break
            case .refused(let failure): return failure
            }
        case .streamResume(let alias, let resume):
            switch streams.receivedResume(alias, resume) {
            case .accepted:
                countStream()
                events.append(.message(message))
            case .ignored: break
            case .refused(let failure): return failure
            }
        case .streamReset(let alias, _):
            guard streams.wasOpened(alias) else { return .protocolViolation }
            guard let stream = streams.remove(alias) else { return nil }
            outbox.forget(stream)
            events.append(.message(message))
        }
        return nil
    }

    private mutating func countStream() {
        work.countStream(at: lastHeard)
        environment.work.countStream(at: lastHeard)
    }

    /// Counts a message that was unfolded to so many bytes.
    mutating func count(unfolded byteCount: Int) {
        work.count(unfolded: byteCount, at: lastHeard)
        environment.work.count(unfolded: byteCount, at: lastHeard)
    }

    // MARK: Time and ends

    /// When ``deadlinePassed(at:)`` wants to be called next; moves with every record that arrives, so a driver's timer
    /// may fire early and then asks again.
    package var nextDeadline: MonotonicInstant? {
        guard failure == nil else { return nil }
        var next = lastHeard + (isPinging ? settings.idleTime : pingWait)
        if let resumesReading { next = min(next, resumesReading) }
        if let late = assembly.nextDeadline { next = min(next, late) }
        if let noise = noise.next { next = min(next, noise) }
        if let update = keys.nextDeadline(sealed: sealer.byteCount) { next = min(next, update) }
        return next
    }

    private var pingWait: Duration { settings.pingInterval * pingShare / 1000 }

    /// Sends a ping where nothing was heard for a while, ends the session where nothing was for longer; begins a key
    /// update that is due; makes noise; drops messages whose parts are late. Where reading goes on, `received` is next.
    package mutating func deadlinePassed(at now: MonotonicInstant) -> SessionFailure? {
        guard failure == nil else { return failure }
        if let resumesReading, resumesReading <= now { self.resumesReading = nil }
        assembly.drop(at: now)
        if now >= lastHeard + settings.idleTime {
            end(.idle, telling: .idle)
        } else if !isPinging, now >= lastHeard + pingWait {
            isPinging = true
            pingShare = environment.random(in: Session.pingShares)
            pingNumber += 1
            outbox.append(control: .ping(pingNumber))
        }
        if failure == nil, let wrong = follow(keys.deadlinePassed(at: now, sealed: sealer.byteCount)) { violate(wrong) }
        followNoise(at: now)
        noiseDue = max(noiseDue, noise.due(at: now, cover: traffic.padding + traffic.noise, environment))
        return failure
    }

    private mutating func violate(_ failure: SessionFailure) {
        switch failure {
        case .limitExceeded: end(failure, telling: .limitExceeded)
        case .keyUpdateTimedOut: end(failure, telling: .idle)
        case .closed(let reason): end(failure, telling: reason)
        case .unintelligible, .handshakeFailed, .noCommonVersion, .noCommonSuite, .puzzleUnsolved, .puzzleTooHard,
            .certificateRefused, .notAdmitted, .handshakeTimedOut, .recordRefused, .protocolViolation, .idle,
            .closedByPeer:
            end(failure, telling: .protocolViolation)
        }
    }

    private mutating func end(_ failure: SessionFailure, telling reason: SessionCloseReason?) {
        guard self.failure == nil else { return }
        self.failure = failure
        outbox.removeAll()
        noiseDue = 0
        streams.removeAll()
        if let reason { outbox.append(control: .close(reason)) }
    }
}
