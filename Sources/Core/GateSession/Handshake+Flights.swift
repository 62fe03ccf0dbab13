import GateAccess
import GateCrypto
import GateModel
import GateWire
import NIOCore

extension Handshake {
    /// What a flight's header decides before its body is read; `nil` to go on.
    mutating func judge(_ header: FlightHeader, wall: UnixTime, admit: Admission) -> Step? {
        switch phase {
        case .awaitingOpening where isRetried: judgeSecondOpening(header, wall: wall)
        case .awaitingOpening: judgeOpening(header, wall: wall, admit: admit)
        case .awaitingAnswer where header.kind == .retry: judgeRetry(header)
        case .awaitingAnswer, .awaitingLast: judgeLater(header)
        case .idle, .solving, .complete, .failed: fail()
        }
    }

    /// The first flight of a connection. All that can be told without public-key work, what gets no answer first.
    private mutating func judgeOpening(_ header: FlightHeader, wall: UnixTime, admit: Admission) -> Step? {
        guard isFresh(header, wall: wall) else { return discard() }
        version = environment.versions.highestCommon(with: header.versions)
        guard version != nil, contexts.contains(header.context) else { return fail(.noCommonVersion) }
        guard header.kind == .handshake, SuiteOffers(header.offers).contains(header.suite) else { return fail() }
        if header.pattern == .anonymous,
            !admit(PeerClaim(peer: .anonymous, context: header.context, role: role))
        {
            return fail(.notAdmitted)
        }
        return nil
    }

    /// The opening behind a retry: as the first but for the suite, and as fresh. It may come from another connection's
    /// record, behind an opening of somebody else.
    private mutating func judgeSecondOpening(_ header: FlightHeader, wall: UnixTime) -> Step? {
        guard header.choices == choices?.choices else { return fail() }
        // A puzzle is of this connection alone, and so is an opening that solves it.
        let isNew = puzzle == nil ? isFresh(header, wall: wall) : isOfNow(header, wall: wall)
        return isNew ? nil : discard()
    }

    private func isOfNow(_ header: FlightHeader, wall: UnixTime) -> Bool {
        abs(wall.minutes - Int64(header.minute)) <= SeedWindow.minutesTolerated
    }

    /// Whether an opening is of these minutes and was not seen before; remembers it.
    private func isFresh(_ header: FlightHeader, wall: UnixTime) -> Bool {
        isOfNow(header, wall: wall)
            && environment.remember(FlightSeed(reader.seed), Int64(header.minute), wall.minutes)
    }

    /// What any flight behind the opening has to say as that does.
    private mutating func judgeLater(_ header: FlightHeader) -> Step? {
        guard header.kind == .handshake, header.suite == choices?.suite else { return fail() }
        return judgeSame(header)
    }

    mutating func judgeSame(_ header: FlightHeader) -> Step? {
        guard let opening = choices, header.pattern == opening.pattern, header.context == opening.context,
            let version = header.versions.only,
            self.version == nil ? opening.versions.contains(version) : version == self.version
        else { return fail() }
        self.version = version
        return nil
    }

    /// A whole flight has arrived in its turn.
    mutating func received(
        _ header: FlightHeader, _ message: ByteBuffer, wall: UnixTime, admit: Admission, into output: inout ByteBuffer
    ) -> Step {
        do throws(NoiseFailure) {
            switch phase {
            case .awaitingOpening: return try receivedOpening(header, message, wall: wall, into: &output)
            case .awaitingAnswer where header.kind == .retry: return try receivedRetry(header, message, into: &output)
            case .awaitingAnswer:
                return try receivedAnswer(header, message, wall: wall, admit: admit, into: &output)
            case .awaitingLast: return try receivedLast(header, message, wall: wall, admit: admit)
            case .idle, .solving, .complete, .failed: return fail()
            }
        } catch { return fail(error) }
    }

    private mutating func receivedOpening(
        _ header: FlightHeader, _ message: ByteBuffer, wall: UnixTime, into output: inout ByteBuffer
    ) throws(NoiseFailure) -> Step {
        if prologue.isEmpty { prologue = [header.context.rawValue] }
        prologue += header.choices
        choices = header
        var message = message
        if let refusal = judgeSolution(&message) { return refusal }
        let effort = effort(for: header)
        guard let suite = NoiseSuite(numbers: header.suite), suites.takes(suite), effort == 0 else {
            return try writeRetry(to: header, header: answer(wall), effort: effort, into: &output)
        }
        // Before the work, which an opening with bad keys costs as well.
        if header.context == .peer, answered == nil { answered = environment.puzzleLoad.answered() }
        noise = try makeNoise(suite, header)
        guard try noise?.readMessage(message).readableBytes == 0 else { return fail() }
        let answer = answer(wall)
        _ = try writeFlight(answer, payload: statement(in: answer), into: &output)
        switch header.pattern {
        case .mutual:
            phase = .awaitingLast
            return .needsMore
        case .anonymous:
            peer = .anonymous
            phase = .complete
            return .complete
        }
    }

    private mutating func receivedAnswer(
        _ header: FlightHeader, _ message: ByteBuffer, wall: UnixTime, admit: Admission, into output: inout ByteBuffer
    ) throws(NoiseFailure) -> Step {
        let payload = try noise?.readMessage(message)
        if let refusal = judge(payload, of: header, expecting: dialled, wall: wall, admit: admit) { return refusal }
        if header.pattern == .mutual {
            let last = answer(wall)
            let proof = takeProof()
            _ = try writeFlight(last, payload: statement(in: last, proof: proof), into: &output)
        }
        phase = .complete
        return .complete
    }

    private mutating func receivedLast(
        _ header: FlightHeader, _ message: ByteBuffer, wall: UnixTime, admit: Admission
    ) throws(NoiseFailure) -> Step {
        // What an initiator proves is bound to the hash before its own flight.
        let hash = noise?.handshakeHash ?? []
        let payload = try noise?.readMessage(message)
        if let refusal = judge(payload, of: header, expecting: nil, hash: hash, wall: wall, admit: admit) {
            return refusal
        }
        if let answered = answered.take() { environment.puzzleLoad.completed(answered) }
        phase = .complete
        return .complete
    }

    /// The initiator's proof for its last flight; nothing where it begins afresh.
    private mutating func takeProof() -> [UInt8] {
        guard let claim = resumption.take() else { return [] }
        return claim.encoded(handshakeHash: noise?.handshakeHash ?? [])
    }

    /// Checks the choices, the certificate and its worker's signature in a payload, then asks for admission; `nil` to go on.
    /// With `hash`, a proof of resumption may stand behind them.
    private mutating func judge(
        _ payload: ByteBuffer?, of header: FlightHeader, expecting: NodeUUID?, hash: [UInt8]? = nil, wall: UnixTime,
        admit: Admission
    ) -> Step? {
        guard var payload, let choices = payload.readBytes(length: FlightHeader.choicesByteCount),
            choices == header.choices, let staticKey = noise?.remoteStaticKey
        else { return fail() }
        guard let certificate = WorkerCertificate(from: &payload),
            let signature = HandshakeSignature(from: &payload, beside: certificate),
            takesProof(payload, of: header, hash),
            let node = try? certificate.verify(
                expecting: expecting, staticKey: staticKey, own: environment.node, at: wall,
                known: &environment.knownSignatures),
            signature.holds(
                for: certificate, by: role == .initiator ? .responder : .initiator, over: noise?.payloadHash ?? [])
        else { return fail(.certificateRefused) }
        let peer = SessionPeer.node(node, worker: certificate.worker, notAfter: certificate.notAfter)
        guard admit(PeerClaim(peer: peer, context: header.context, role: role, certificate: certificate)) else {
            return fail(.notAdmitted)
        }
        self.peer = peer
        return nil
    }

    /// Whether nothing stands behind certificate and signature, or a proof where one may.
    private mutating func takesProof(_ rest: ByteBuffer, of header: FlightHeader, _ hash: [UInt8]?) -> Bool {
        guard rest.readableBytes > 0 else { return true }
        guard let hash, header.context == .peer else { return false }
        proof = ResumptionProof(encoded: Array(rest.readableBytesView), handshakeHash: hash)
        return proof != nil
    }

    /// The header of this side's next flight: as the opening chose, with the version spoken and this side's offers and
    /// minute.
    private func answer(_ wall: UnixTime) -> FlightHeader {
        guard var header = choices, let version else {
            preconditionFailure("a flight is answered once an opening was read")
        }
        header.versions = PeerVersions(only: version)
        header.offers = suites.offers.bytes
        header.minute = UInt32(clamping: wall.minutes)
        return header
    }

    /// What this side says about itself in a flight.
    private func statement(in header: FlightHeader, proof: [UInt8] = []) -> FlightPayload {
        switch presence {
        case .mutual(let credentials):
            FlightPayload(choices: header.choices, credentials: credentials, role: role, proof: proof)
        case .anonymous: FlightPayload(choices: header.choices, proof: proof)
        }
    }
}
