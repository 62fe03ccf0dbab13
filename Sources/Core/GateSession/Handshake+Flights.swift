import GateCrypto
import GateModel
import GateWire
import NIOCore

extension Handshake {
    /// What a flight's header decides before its body is read; `nil` to go on.
    mutating func judge(_ header: FlightHeader, wall: UnixTime, admit: Admission) -> Step? {
        guard phase == .awaitingFirst else {
            guard let first = choices, header.pattern == first.pattern, header.context == first.context,
                header.suite == first.suite, let version = header.versions.only,
                self.version == nil ? first.versions.contains(version) : version == self.version
            else { return fail() }
            self.version = version
            return nil
        }
        let age = wall.minutes - Int64(header.minute)
        guard abs(age) <= SeedWindow.minutesTolerated,
            environment.remember(FlightSeed(reader.seed), Int64(header.minute), wall.minutes)
        else { return discard() }
        version = environment.versions.highestCommon(with: header.versions)
        guard version != nil, contexts.contains(header.context), let suite = NoiseSuite(numbers: header.suite),
            environment.suites.contains(suite)
        else { return fail(.noCommonSuite) }
        if header.pattern == .anonymous,
            !admit(PeerClaim(peer: .anonymous, context: header.context, role: role))
        {
            return fail(.notAdmitted)
        }
        return nil
    }

    /// A whole flight has arrived in its turn.
    mutating func received(
        _ header: FlightHeader, _ message: ByteBuffer, wall: UnixTime, admit: Admission, into output: inout ByteBuffer
    ) -> Step {
        do throws(NoiseFailure) {
            switch phase {
            case .awaitingFirst: return try receivedFirst(header, message, wall: wall, into: &output)
            case .awaitingSecond: return try receivedSecond(header, message, wall: wall, admit: admit, into: &output)
            case .awaitingThird: return try receivedThird(header, message, wall: wall, admit: admit)
            case .idle, .complete, .failed: return fail()
            }
        } catch { return fail(error) }
    }

    private mutating func receivedFirst(
        _ header: FlightHeader, _ message: ByteBuffer, wall: UnixTime, into output: inout ByteBuffer
    ) throws(NoiseFailure) -> Step {
        guard let suite = NoiseSuite(numbers: header.suite) else { return fail(.noCommonSuite) }
        choices = header
        noise = try makeNoise(suite, header)
        guard try noise?.readMessage(message).readableBytes == 0 else { return fail() }
        _ = try writeFlight(2, answer(wall), payload: answer(wall).choices + certificate, into: &output)
        switch header.pattern {
        case .mutual:
            phase = .awaitingThird
            return .needsMore
        case .anonymous:
            peer = .anonymous
            phase = .complete
            return .complete
        }
    }

    private mutating func receivedSecond(
        _ header: FlightHeader, _ message: ByteBuffer, wall: UnixTime, admit: Admission, into output: inout ByteBuffer
    ) throws(NoiseFailure) -> Step {
        let payload = try noise?.readMessage(message)
        if let refusal = judge(payload, of: header, expecting: dialled, wall: wall, admit: admit) { return refusal }
        if header.pattern == .mutual {
            let payload = answer(wall).choices + certificate + takeProof()
            _ = try writeFlight(3, answer(wall), payload: payload, into: &output)
        }
        phase = .complete
        return .complete
    }

    private mutating func receivedThird(
        _ header: FlightHeader, _ message: ByteBuffer, wall: UnixTime, admit: Admission
    ) throws(NoiseFailure) -> Step {
        // What an initiator proves is bound to the hash before its own flight.
        let hash = noise?.handshakeHash ?? []
        let payload = try noise?.readMessage(message)
        if let refusal = judge(payload, of: header, expecting: nil, hash: hash, wall: wall, admit: admit) {
            return refusal
        }
        phase = .complete
        return .complete
    }

    /// The initiator's proof for flight 3; nothing where it begins afresh.
    private mutating func takeProof() -> [UInt8] {
        guard let claim = resumption.take() else { return [] }
        return claim.encoded(handshakeHash: noise?.handshakeHash ?? [])
    }

    /// Checks the choices and the certificate in a payload, then asks for admission; `nil` to go on. With `hash`, a proof
    /// of resumption may stand behind the certificate.
    private mutating func judge(
        _ payload: ByteBuffer?, of header: FlightHeader, expecting: NodeUUID?, hash: [UInt8]? = nil, wall: UnixTime,
        admit: Admission
    ) -> Step? {
        guard var payload, let choices = payload.readBytes(length: FlightHeader.choicesByteCount),
            choices == header.choices, let staticKey = noise?.remoteStaticKey
        else { return fail() }
        guard let certificate = WorkerCertificate(from: &payload), takesProof(payload, of: header, hash),
            let node = try? certificate.verify(
                expecting: expecting, staticKey: staticKey, own: environment.node, at: wall,
                known: &environment.knownSignatures)
        else { return fail(.certificateRefused) }
        let peer = SessionPeer.node(node, worker: certificate.worker, notAfter: certificate.notAfter)
        guard admit(PeerClaim(peer: peer, context: header.context, role: role, certificate: certificate)) else {
            return fail(.notAdmitted)
        }
        self.peer = peer
        return nil
    }

    /// Whether nothing stands behind the certificate, or a proof where one may.
    private mutating func takesProof(_ rest: ByteBuffer, of header: FlightHeader, _ hash: [UInt8]?) -> Bool {
        guard rest.readableBytes > 0 else { return true }
        guard let hash, header.context == .peer else { return false }
        proof = ResumptionProof(encoded: Array(rest.readableBytesView), handshakeHash: hash)
        return proof != nil
    }

    /// The header of this side's next flight: as the first flight chose, with the version spoken and this side's offers
    /// and minute.
    private func answer(_ wall: UnixTime) -> FlightHeader {
        guard var header = choices, let version else {
            preconditionFailure("a flight is answered once the first was read")
        }
        header.versions = PeerVersions(only: version)
        header.offers = environment.suites.offers
        header.minute = UInt32(clamping: wall.minutes)
        return header
    }

    private var certificate: [UInt8] {
        switch presence {
        case .mutual(let credentials): credentials.certificate
        case .anonymous: []
        }
    }
}
