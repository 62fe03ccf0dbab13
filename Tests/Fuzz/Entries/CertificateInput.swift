import GateCrypto
import GateModel
import GateTestKit
import NIOCore

/// Bundles, certificates and records from any bytes: what is read has one encoding, and nothing forged is believed.
enum CertificateInput {
    static func run(_ bytes: [UInt8]) {
        bundle(bytes)
        certificate(bytes)
        record(bytes)
    }

    private static func bundle(_ bytes: [UInt8]) {
        var buffer = ByteBuffer(bytes: bytes)
        guard let bundle = IdentityBundle(from: &buffer) else { return }
        precondition(bytes.starts(with: bundle.encoded), "one encoding")
    }

    private static func certificate(_ bytes: [UInt8]) {
        var buffer = ByteBuffer(bytes: bytes)
        guard let read = WorkerCertificate(from: &buffer) else { return }
        precondition(bytes.starts(with: read.encoded), "one encoding")
        for moment in [read.notBefore, read.notAfter, wall] {
            let node = try? read.verify(expecting: nil, staticKey: read.staticKey, own: nil, at: moment)
            if node != nil { precondition(seeds.contains(read.encoded), "nothing forged is believed") }
        }
    }

    private static func record(_ bytes: [UInt8]) {
        var buffer = ByteBuffer(bytes: bytes)
        guard let read = NodeRecord(from: &buffer) else { return }
        precondition(bytes.starts(with: read.encoded), "one encoding")
        precondition(read.encoded.count <= NodeRecord.encodedBytesMax, "a record is bounded")
        for moment in [read.expiry, wall] {
            let node = try? read.verify(expecting: nil, at: moment)
            if node != nil { precondition(seeds.contains(read.encoded), "nothing forged is believed") }
        }
    }

    private static let wall = ManualClock().wall
    private static let identity = honest {
        try IdentityKey(seed: GuardedSecret([UInt8](repeating: 7, count: IdentityKey.seedByteCount)))
    }

    /// The same with an ML-DSA key.
    private static let postQuantumIdentity = honest { try IdentityKey.made(of: 7, isPostQuantum: true) }

    private static let certificate = WorkerCertificate.issue(
        by: identity, staticKey: [UInt8](repeating: 9, count: 32), worker: 1, now: wall, lifetimeSeconds: 3600
    ).encoded

    private static let postQuantumCertificate = WorkerCertificate.issue(
        by: postQuantumIdentity, staticKey: [UInt8](repeating: 9, count: 32),
        postQuantumKey: [UInt8](repeating: 8, count: PostQuantumKey.publicKeyByteCount), worker: 1, now: wall,
        lifetimeSeconds: 3600
    ).encoded

    private static let content = NodeRecord.Content(
        suites: [.standard],
        endpoints: [Endpoint(host: "example.org", port: 7700), Endpoint(host: "::1", port: 1)],
        relays: true, sequence: 3, expiry: wall + 3600)

    /// A relay's record that holds at `wall`.
    static let record = NodeRecord.issue(content, by: identity).encoded

    static let seeds = [
        identity.bundle.encoded, certificate, record, postQuantumIdentity.bundle.encoded, postQuantumCertificate,
        NodeRecord.issue(content, by: postQuantumIdentity).encoded,
    ]
}
