import Foundation
import GateCrypto
import GateModel
import NIOCore
import Testing

/// What an independent implementation made of fixed seeds (`Oracle/post-quantum.py`).
private struct PostQuantumVectors: Decodable {
    let bundle_hash: String
    let certificate: String
    let record: String
    let handshake_hash: String
    let responder_signature: String
    let initiator_signature: String

    static func load() throws -> PostQuantumVectors {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Oracle/post-quantum.json")
        return try JSONDecoder().decode(PostQuantumVectors.self, from: Data(contentsOf: file))
    }
}

private func seed(_ byte: UInt8) throws -> GuardedSecret { try GuardedSecret([UInt8](repeating: byte, count: 32)) }

@Suite struct PostQuantumIdentities {
    let identity: IdentityKey
    /// The same Ed25519 key, and no other.
    let classical: IdentityKey
    let worker: PostQuantumKey
    let staticKey = [UInt8](repeating: 9, count: 32)
    let certificate: WorkerCertificate
    let now = UnixTime(seconds: 1_800_000_000)

    /// Where the Ed25519 signature begins, and that of ML-DSA.
    let signatures = (ed25519: 1 + 1987 + 32 + 1952 + 32, mldsa: 1 + 1987 + 32 + 1952 + 32 + 64)

    init() throws {
        identity = try IdentityKey(seed: seed(1), postQuantumKey: PostQuantumKey(seed: seed(2)))
        classical = try IdentityKey(seed: seed(1))
        worker = PostQuantumKey(seed: try seed(3))
        certificate = WorkerCertificate.issue(
            by: identity, staticKey: staticKey, postQuantumKey: worker.publicKey, worker: 7, now: now,
            lifetimeSeconds: 3600, features: 1)
    }

    // MARK: Against another implementation

    @Test func `keys, UUID and all that is signed are what another implementation makes of the same seeds`() throws {
        let vectors = try PostQuantumVectors.load()
        #expect(identity.bundle.hash == (try Hex.bytes(vectors.bundle_hash)))
        let theirs = try Hex.bytes(vectors.certificate)
        #expect(theirs.count == WorkerCertificate.encodedBytesMax && theirs.count == 7377)
        #expect(theirs.starts(with: certificate.encoded[..<signatures.mldsa]), "Ed25519 signs the same each time")
        #expect(isBelieved(theirs) && isBelieved(certificate.encoded))

        var buffer = ByteBuffer(bytes: try Hex.bytes(vectors.record))
        let record = try #require(NodeRecord(from: &buffer))
        #expect(try record.verify(expecting: identity.bundle.uuid, at: now) == identity.bundle.uuid)
    }

    @Test func `signatures of handshakes are what another implementation makes, each for its role`() throws {
        let vectors = try PostQuantumVectors.load()
        let hash = try Hex.bytes(vectors.handshake_hash)
        let signatures = [
            (Label.postQuantumResponder, try Hex.bytes(vectors.responder_signature)),
            (Label.postQuantumInitiator, try Hex.bytes(vectors.initiator_signature)),
        ]
        for (label, signature) in signatures {
            for other in Label.allCases {
                let isSigned = PostQuantumKey.isSigned(other, hash, by: worker.publicKey, signature: signature)
                #expect(isSigned == (other == label))
            }
        }
    }

    // MARK: Bundles

    @Test func `a bundle with both keys has one encoding`() throws {
        let bytes = identity.bundle.encoded
        #expect(bytes.count == IdentityBundle.encodedBytesMax && bytes.count == 1987)
        var buffer = ByteBuffer(bytes: bytes + [9])
        #expect(IdentityBundle(from: &buffer) == identity.bundle && buffer.readableBytes == 1)
        for count in 0..<bytes.count {
            var cut = ByteBuffer(bytes: bytes.prefix(count))
            #expect(IdentityBundle(from: &cut) == nil && cut.readableBytes == count)
        }
        let (first, second) = (Array(bytes[1..<34]), Array(bytes[34...]))
        let wrong: [[UInt8]] = [
            [0] + first + second, [3] + first + second + second, [2] + second + first, [2] + first + first,
            [1] + second, [2] + first + [3] + second.dropFirst(),
        ]
        for bytes in wrong {
            var buffer = ByteBuffer(bytes: bytes + [UInt8](repeating: 0, count: 4000))
            #expect(IdentityBundle(from: &buffer) == nil)
        }
    }

    @Test func `the UUID commits to both keys`() throws {
        let other = try IdentityKey(seed: seed(1), postQuantumKey: PostQuantumKey(seed: seed(4)))
        #expect(Set([identity, classical, other].map(\.bundle.uuid)).count == 3)
        #expect(Set([identity, classical, other].map(\.bundle.signingKey)).count == 1)
    }

    @Test func `both seeds come back from the sealed row, and a row of another length is none`() throws {
        let (key, otherKey) = (try Vault.makeKey(), try Vault.makeKey())
        let row = try identity.sealed(with: key)
        let read = try IdentityKey(unsealing: row, with: key)
        #expect(read.bundle == identity.bundle)
        #expect(identity.bundle.isSigned(.nodeRecord, [1], signature: read.sign(.nodeRecord, [1])))
        #expect(throws: VaultFailure.notAuthentic) { try IdentityKey(unsealing: row, with: otherKey) }
        for count in [1, 31, 33, 63, 65, 96] {
            let wrong = try Vault.seal([UInt8](repeating: 1, count: count), label: .vaultIdentity, with: key)
            #expect(throws: VaultFailure.notAuthentic) { try IdentityKey(unsealing: wrong, with: key) }
        }
    }

    // MARK: Certificates

    @Test func `a certificate comes back from its bytes and speaks for its node`() throws {
        var buffer = ByteBuffer(bytes: certificate.encoded + [1])
        let read = try #require(WorkerCertificate(from: &buffer))
        #expect(read == certificate && buffer.readableBytes == 1)
        #expect(read.postQuantumKey == worker.publicKey && read.worker == 7)
        let node = identity.bundle.uuid
        #expect(try read.verify(expecting: node, staticKey: staticKey, own: nil, at: now) == node)
    }

    @Test func `every flipped byte and every cut is refused`() {
        let bytes = certificate.encoded
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1 << UInt8(index % 8)
            #expect(!isBelieved(changed), "byte \(index)")
        }
        for count in 0..<bytes.count {
            var cut = ByteBuffer(bytes: bytes.prefix(count))
            #expect(WorkerCertificate(from: &cut) == nil && cut.readableBytes == count)
        }
    }

    @Test func `who has the Ed25519 key alone can't change a byte`() {
        let bytes = certificate.encoded
        // The bundle's bytes name another node then; all others are the certificate's own.
        for index in Array(stride(from: 35, to: 1988, by: 97)) + Array(1988..<2052) + Array(3972..<4004) {
            var body = Array(bytes[..<signatures.ed25519])
            body[index] ^= 1 << UInt8(index % 8)
            let forged = body + classical.sign(.workerCertificate, body) + bytes[signatures.mldsa...]
            #expect(!isBelieved(forged), "byte \(index)")
        }
        let body = Array(bytes[..<signatures.ed25519])
        #expect(isBelieved(body + classical.sign(.workerCertificate, body) + bytes[signatures.mldsa...]))
    }

    @Test func `one signature does not stand in for the other`() throws {
        let bytes = certificate.encoded
        let body = Array(bytes[..<signatures.ed25519])
        let stranger = PostQuantumKey(seed: try seed(5))
        let forged: [[UInt8]] = [
            bytes[..<signatures.mldsa] + [UInt8](repeating: 0, count: 3309),
            bytes[..<signatures.mldsa] + stranger.sign(.workerCertificate, body),
            bytes[..<signatures.mldsa] + worker.sign(.workerCertificate, body),
            body + [UInt8](repeating: 0, count: 64) + bytes[signatures.mldsa...],
            body + identity.sign(.nodeRecord, body),
        ]
        for bytes in forged {
            #expect(bytes.count == 7377 && !isBelieved(bytes))
        }
    }

    @Test func `a certificate without the ML-DSA parts is none of that node`() throws {
        let plain = WorkerCertificate.issue(
            by: classical, staticKey: staticKey, worker: 7, now: now, lifetimeSeconds: 3600, features: 1)
        #expect(plain.encoded.count == WorkerCertificate.encodedByteCount && plain.encoded[0] == 1)
        #expect(throws: CertificateFailure.otherNode) {
            try plain.verify(expecting: identity.bundle.uuid, staticKey: staticKey, own: nil, at: now)
        }
        // The bundle with both keys in the form without ML-DSA, and the other way round.
        let bytes = certificate.encoded
        var body = Array(bytes[..<signatures.ed25519])
        body.removeSubrange(2020..<3972)
        for version in [0, 1, 3] as [UInt8] {
            body[0] = version
            var short = ByteBuffer(bytes: body + classical.sign(.workerCertificate, body))
            #expect(WorkerCertificate(from: &short) == nil)
            var long = ByteBuffer(bytes: [version] + bytes.dropFirst())
            #expect(WorkerCertificate(from: &long) == nil)
        }
        var relabelled = ByteBuffer(bytes: [2] + plain.encoded.dropFirst() + [UInt8](repeating: 0, count: 8000))
        #expect(WorkerCertificate(from: &relabelled) == nil)
    }

    @Test func `a known pair of signatures is believed again, another is checked`() throws {
        var known = KnownSignatures(capacity: 4)
        for _ in 0..<2 {
            _ = try certificate.verify(expecting: nil, staticKey: staticKey, own: nil, at: now, known: &known)
        }
        #expect(known.count == 1)
        var bytes = certificate.encoded
        bytes[bytes.count - 1] ^= 1
        var buffer = ByteBuffer(bytes: bytes)
        let changed = try #require(WorkerCertificate(from: &buffer))
        #expect(throws: CertificateFailure.badSignature) {
            try changed.verify(expecting: nil, staticKey: staticKey, own: nil, at: now, known: &known)
        }
        #expect(known.count == 1)
    }

    private func isBelieved(_ bytes: [UInt8]) -> Bool {
        var buffer = ByteBuffer(bytes: bytes)
        guard let read = WorkerCertificate(from: &buffer), buffer.readableBytes == 0 else { return false }
        return (try? read.verify(expecting: identity.bundle.uuid, staticKey: staticKey, own: nil, at: now)) != nil
    }

    // MARK: Records and possession

    @Test func `a record is signed by both keys, and no flipped byte or cut is believed`() throws {
        let content = NodeRecord.Content(
            suites: [.standard], endpoints: [Endpoint(host: "192.0.2.1", port: 7700)], relays: true, sequence: 1,
            expiry: now + 3600)
        let bytes = NodeRecord.issue(content, by: identity).encoded
        func isBelieved(_ bytes: [UInt8]) -> Bool {
            var buffer = ByteBuffer(bytes: bytes)
            guard let read = NodeRecord(from: &buffer), buffer.readableBytes == 0 else { return false }
            return (try? read.verify(expecting: identity.bundle.uuid, at: now)) != nil
        }
        #expect(isBelieved(bytes))
        for index in Array(0..<bytes.count - 3309) + Array(stride(from: bytes.count - 3309, to: bytes.count, by: 37)) {
            var changed = bytes
            changed[index] ^= 1 << UInt8(index % 8)
            #expect(!isBelieved(changed), "byte \(index)")
        }
        for count in 0..<bytes.count { #expect(!isBelieved(Array(bytes[..<count]))) }
        // Who has the Ed25519 key alone and moves the node elsewhere.
        var body = Array(bytes[..<(bytes.count - 3309 - 64)])
        body[body.count - 1] ^= 1
        #expect(!isBelieved(body + classical.sign(.nodeRecord, body) + bytes[(bytes.count - 3309)...]))
    }

    @Test func `possession of a worker's ML-DSA key is proven under one name, key and challenge`() throws {
        let (challenge, later) = (try PossessionChallenge(), try PossessionChallenge())
        let proof = worker.provePossession(challenge: challenge.publicKey, staticKey: staticKey, name: "kernel-1")
        func isAnswered(
            _ challenge: PossessionChallenge, _ proof: [UInt8], key: [UInt8]? = nil, staticKey: [UInt8]? = nil,
            name: String = "kernel-1"
        ) -> Bool {
            challenge.isAnswered(
                by: proof, postQuantumKey: key ?? worker.publicKey, staticKey: staticKey ?? self.staticKey, name: name)
        }
        #expect(isAnswered(challenge, proof))
        #expect(!isAnswered(later, proof))
        #expect(!isAnswered(challenge, proof, key: PostQuantumKey(seed: try seed(4)).publicKey))
        #expect(!isAnswered(challenge, proof, key: Array(worker.publicKey.dropLast())))
        #expect(!isAnswered(challenge, proof, key: worker.publicKey + [0]))
        #expect(!isAnswered(challenge, proof, staticKey: [UInt8](repeating: 8, count: 32)))
        #expect(!isAnswered(challenge, proof, name: "kernel-2"))
        #expect(!isAnswered(challenge, []))
        #expect(!isAnswered(challenge, proof + [0]))
        #expect(!isAnswered(challenge, Array(proof.dropLast())))
    }
}
