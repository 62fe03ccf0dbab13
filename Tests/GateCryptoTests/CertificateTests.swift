import GateCrypto
import GateModel
import NIOCore
import Testing

@Suite struct WorkerCertificates {
    let identity: IdentityKey
    let key: StaticKey
    let certificate: WorkerCertificate
    let now = UnixTime(seconds: 1_800_000_000)

    init() throws {
        identity = try IdentityKey.generate()
        key = try StaticKey()
        certificate = WorkerCertificate.issue(
            by: identity, staticKey: key.publicKey, worker: 7, now: now, lifetimeSeconds: 3600, features: 5)
    }

    @Test func `a certificate comes back from its bytes and speaks for its node`() throws {
        let bytes = certificate.encoded
        #expect(bytes.count == WorkerCertificate.encodedByteCount)
        var buffer = ByteBuffer(bytes: bytes + [1])
        let read = try #require(WorkerCertificate(from: &buffer))
        #expect(read == certificate && buffer.readableBytes == 1)
        let node = identity.bundle.uuid
        #expect(try read.verify(expecting: node, staticKey: key.publicKey, own: nil, at: now) == node)
        #expect(read.worker == 7 && read.features == 5 && read.notAfter == now + 3600 && read.notBefore == now + -600)
    }

    @Test func `it is refused for another key, node or for oneself`() throws {
        let other = try IdentityKey.generate().bundle.uuid
        let node = identity.bundle.uuid
        #expect(throws: CertificateFailure.otherStaticKey) {
            try certificate.verify(expecting: nil, staticKey: try StaticKey().publicKey, own: nil, at: now)
        }
        #expect(throws: CertificateFailure.otherNode) {
            try certificate.verify(expecting: other, staticKey: key.publicKey, own: nil, at: now)
        }
        #expect(throws: CertificateFailure.ownNode) {
            try certificate.verify(expecting: nil, staticKey: key.publicKey, own: node, at: now)
        }
    }

    @Test func `it holds from ten minutes before its begin to ten after its end`() throws {
        func failure(_ seconds: Int64) -> CertificateFailure? {
            do throws(CertificateFailure) {
                _ = try certificate.verify(expecting: nil, staticKey: key.publicKey, own: nil, at: now + seconds)
                return nil
            } catch { return error }
        }
        #expect(failure(-1201) == .notYetValid)
        #expect(failure(-1200) == nil)
        #expect(failure(4200) == nil)
        #expect(failure(4201) == .expired)
        #expect(failure(.max - now.seconds) == .expired)
        #expect(failure(-now.seconds) == .notYetValid)
    }

    @Test func `every flipped bit and every cut is refused`() {
        let bytes = certificate.encoded
        for bit in 0..<bytes.count * 8 {
            var changed = bytes
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!isBelieved(changed), "bit \(bit)")
        }
        for count in 0..<bytes.count {
            var cut = ByteBuffer(bytes: bytes.prefix(count))
            #expect(WorkerCertificate(from: &cut) == nil)
            #expect(cut.readableBytes == count)
        }
    }

    @Test func `signed times that make no sense are refused`() throws {
        for (begin, end) in [(0, Int64.max), (.min, 0), (100, 100), (200, 100), (0, 24 * 3600 + 601)]
            as [(Int64, Int64)]
        {
            var bytes = Array(certificate.encoded.dropLast(64))
            bytes.replaceSubrange(
                75..<91,
                with: [begin, end].flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * $0)) }
                })
            bytes += identity.sign(.workerCertificate, bytes)
            var buffer = ByteBuffer(bytes: bytes)
            let read = try #require(WorkerCertificate(from: &buffer))
            #expect(throws: CertificateFailure.badLifetime) {
                try read.verify(expecting: nil, staticKey: key.publicKey, own: nil, at: UnixTime(seconds: 100))
            }
        }
    }

    @Test func `a known signature is believed again and a changed value is not`() throws {
        var known = KnownSignatures(capacity: 2)
        for _ in 0..<3 {
            _ = try certificate.verify(expecting: nil, staticKey: key.publicKey, own: nil, at: now, known: &known)
        }
        #expect(known.count == 1)
        var bytes = certificate.encoded
        bytes[bytes.count - 70] ^= 1
        var buffer = ByteBuffer(bytes: bytes)
        let changed = try #require(WorkerCertificate(from: &buffer))
        #expect(throws: CertificateFailure.badSignature) {
            try changed.verify(expecting: nil, staticKey: key.publicKey, own: nil, at: now, known: &known)
        }
        for worker in 10..<15 as Range<UInt64> {
            let next = WorkerCertificate.issue(
                by: identity, staticKey: key.publicKey, worker: worker, now: now, lifetimeSeconds: 60)
            _ = try next.verify(expecting: nil, staticKey: key.publicKey, own: nil, at: now, known: &known)
        }
        #expect(known.count == 2)
        #expect(throws: CertificateFailure.expired) {
            try certificate.verify(expecting: nil, staticKey: key.publicKey, own: nil, at: now + 9000, known: &known)
        }
    }

    private func isBelieved(_ bytes: [UInt8]) -> Bool {
        var buffer = ByteBuffer(bytes: bytes)
        guard let read = WorkerCertificate(from: &buffer) else { return false }
        return (try? read.verify(expecting: nil, staticKey: key.publicKey, own: nil, at: now)) != nil
    }
}

@Suite struct NodeRecords {
    let identity: IdentityKey
    let record: NodeRecord
    let now = UnixTime(seconds: 1_800_000_000)

    init() throws {
        identity = try IdentityKey.generate()
        record = NodeRecord.issue(
            .init(
                suites: [.standard, NoiseSuite(kem: .mlkem1024, cipher: .chaChaPoly, hash: .blake2b)],
                endpoints: [Endpoint(host: "example.org", port: 7700), Endpoint(host: "2001:db8::1", port: 1)],
                relays: true, sequence: 9, expiry: now + 3600), by: identity)
    }

    @Test func `a record comes back from its bytes and is its node's`() throws {
        var buffer = ByteBuffer(bytes: record.encoded + [1])
        let read = try #require(NodeRecord(from: &buffer))
        #expect(read == record && buffer.readableBytes == 1)
        #expect(try read.verify(expecting: identity.bundle.uuid, at: now) == identity.bundle.uuid)
        #expect(read.relays && read.sequence == 9 && read.endpoints.count == 2 && read.suites.count == 2)
        #expect(record.encoded.count <= NodeRecord.encodedBytesMax)
    }

    @Test func `it is refused for another node, after its time, and too far ahead`() throws {
        let other = try IdentityKey.generate().bundle.uuid
        #expect(throws: NodeRecordFailure.otherNode) { try record.verify(expecting: other, at: now) }
        #expect(throws: NodeRecordFailure.expired) { try record.verify(expecting: nil, at: now + 4200) }
        #expect(throws: NodeRecordFailure.expired) { try record.verify(expecting: nil, at: now + -31 * 24 * 3600) }
        #expect(throws: NodeRecordFailure.expired) { try record.verify(expecting: nil, at: UnixTime(seconds: .min)) }
    }

    @Test func `every flipped bit and every cut is refused`() {
        let bytes = record.encoded
        for bit in 0..<bytes.count * 8 {
            var changed = bytes
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!isBelieved(changed), "bit \(bit)")
        }
        for count in 0..<bytes.count {
            var cut = ByteBuffer(bytes: bytes.prefix(count))
            #expect(NodeRecord(from: &cut) == nil)
        }
    }

    @Test(arguments: [false, true])
    func `the largest record fits its bound and one endpoint more is refused`(isPostQuantum: Bool) throws {
        let identity = try IdentityKey.generate(isPostQuantum: isPostQuantum)
        let host = String(repeating: "a", count: Endpoint.hostBytesMax)
        let endpoints = (0..<8).map { Endpoint(host: host, port: UInt16($0)) }
        let largest = NodeRecord.issue(
            .init(suites: NoiseHandshakes.suites, endpoints: endpoints, relays: false, sequence: 1, expiry: now),
            by: identity)
        #expect(largest.encoded.count == NodeRecord.encodedBytesMax - (isPostQuantum ? 0 : 1 + 1952 + 3309))
        var buffer = ByteBuffer(bytes: largest.encoded)
        #expect(NodeRecord(from: &buffer) == largest)
        var bytes = record.encoded
        let count = 1 + 34 + 1 + 8 + 8 + 1 + 6
        #expect(bytes[count] == 2)
        bytes[count] = 9
        var tooMany = ByteBuffer(bytes: bytes + [UInt8](repeating: 0, count: 3000))
        #expect(NodeRecord(from: &tooMany) == nil)
    }

    private func isBelieved(_ bytes: [UInt8]) -> Bool {
        var buffer = ByteBuffer(bytes: bytes)
        guard let read = NodeRecord(from: &buffer) else { return false }
        return (try? read.verify(expecting: nil, at: now)) != nil
    }
}
