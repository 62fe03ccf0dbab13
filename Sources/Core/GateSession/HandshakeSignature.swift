import GateCrypto
import NIOCore

/// What a flight's Noise message carries. Openings: nothing.
///
/// | bytes | what |
/// | --- | --- |
/// | 14 | the choices of the flight's header |
/// | 163 or 7,377 | the sender's ``WorkerCertificate`` |
/// | 0 or 3,309 | with one that has an ML-DSA key: the sender's ``HandshakeSignature`` |
/// | 0 or 48 | in an initiator's last: a ``ResumptionProof`` |
struct FlightPayload {
    var choices: [UInt8] = []
    var credentials: WorkerCredentials?
    var role = SessionRole.initiator
    var proof: [UInt8] = []

    /// The bytes, once the hash of all before them is known.
    func bytes(signing hash: [UInt8]) -> [UInt8] {
        guard let credentials else { return choices + proof }
        let signature = credentials.postQuantumKey?.sign(HandshakeSignature.label(of: role), hash) ?? []
        return choices + credentials.certificate + signature + proof
    }
}

/// A worker's ML-DSA-65 signature of the handshake hash before the payload that it is in, under its role's label. The
/// hash covers both sides' fresh keys of both phases, so one signature serves one side of one handshake.
struct HandshakeSignature {
    private let bytes: [UInt8]

    static func label(of role: SessionRole) -> Label {
        role == .responder ? .postQuantumResponder : .postQuantumInitiator
    }

    /// Takes a signature off the front where the certificate before it has a key for one, else nothing; `nil` where it
    /// is short.
    init?(from buffer: inout ByteBuffer, beside certificate: WorkerCertificate) {
        let count = certificate.postQuantumKey == nil ? 0 : PostQuantumKey.signatureByteCount
        guard let bytes = buffer.readBytes(length: count) else { return nil }
        self.bytes = bytes
    }

    /// Whether the worker of a certificate that holds has signed this hash in that role; always, where the certificate
    /// has no key to sign with.
    func holds(for certificate: WorkerCertificate, by role: SessionRole, over hash: [UInt8]) -> Bool {
        guard let key = certificate.postQuantumKey else { return true }
        return PostQuantumKey.isSigned(HandshakeSignature.label(of: role), hash, by: key, signature: bytes)
    }
}
