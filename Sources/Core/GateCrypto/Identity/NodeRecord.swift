package import GateModel
package import NIOCore

/// Why a node's record is not believed.
package enum NodeRecordFailure: Error, Equatable {
    /// It is another node's.
    case otherNode
    /// Its time is over, or further ahead than any record's may be.
    case expired
    /// A signature is not the identity's.
    case badSignature
}

/// Where a node can be reached and how, as it signed it itself; passed on among peers and shown to relays.
///
/// | bytes | what |
/// | --- | --- |
/// | 1 | version: 1, or 2 where the bundle has an ML-DSA key |
/// | 34 or 1,987 | identity bundle |
/// | 1 | flags: bit 0 relays for others; the rest zero |
/// | 8 | sequence number; the higher replaces the lower |
/// | 8 | expiry, unix seconds |
/// | 1 + 3 n | handshake suites, 1 … 12, favourite first: KEM, cipher, hash |
/// | 1 + n | endpoints, 0 … 8: port (2), length of the host (1), host |
/// | 64 | Ed25519 signature of label and all before |
/// | 0 or 3,309 | version 2: ML-DSA-65 signature of the same |
///
/// Numbers are big-endian. One record has one encoding; anything else is refused.
package struct NodeRecord: Hashable, Sendable {
    package static let endpointCountMax = 8
    package static let suiteCountMax = 12
    /// How far ahead an expiry may be: 30 days.
    package static let lifetimeSecondsMax: Int64 = 30 * 24 * 3600
    /// How far the judge's clock may be off.
    package static let toleranceSeconds: Int64 = 600
    package static let encodedBytesMax =
        1 + IdentityBundle.encodedBytesMax + 17 + 1 + 3 * suiteCountMax + 1
        + endpointCountMax * (3 + Endpoint.hostBytesMax) + IdentityBundle.signatureBytesMax

    package let bundle: IdentityBundle
    package let relays: Bool
    package let sequence: UInt64
    package let expiry: UnixTime
    package let suites: [NoiseSuite]
    package let endpoints: [Endpoint]
    /// Those of all keys of the bundle, one after the other.
    package let signature: [UInt8]

    /// The node that the record is about, and that signed it.
    package var node: NodeUUID { bundle.uuid }

    /// What a record says, before it is signed.
    package struct Content: Sendable {
        package var suites: [NoiseSuite]
        package var endpoints: [Endpoint]
        package var relays: Bool
        package var sequence: UInt64
        package var expiry: UnixTime

        package init(
            suites: [NoiseSuite], endpoints: [Endpoint], relays: Bool, sequence: UInt64, expiry: UnixTime
        ) {
            self.suites = suites
            self.endpoints = endpoints
            self.relays = relays
            self.sequence = sequence
            self.expiry = expiry
        }
    }

    /// Signs a record: 1 to 12 suites, each with a KEM, and at most 8 endpoints.
    package static func issue(_ content: Content, by identity: IdentityKey) -> NodeRecord {
        precondition((1...suiteCountMax).contains(content.suites.count), "a record has 1 to 12 suites")
        precondition(content.suites.allSatisfy { $0.kem != nil }, "a record's suites have a KEM")
        precondition(content.endpoints.count <= endpointCountMax, "a record has at most 8 endpoints")
        let draft = NodeRecord(bundle: identity.bundle, content: content, signature: [])
        return NodeRecord(
            bundle: identity.bundle, content: content, signature: identity.sign(.nodeRecord, draft.signedBytes))
    }

    /// All bytes.
    package var encoded: [UInt8] { signedBytes + signature }

    /// Appends all bytes.
    package func encode(into buffer: inout ByteBuffer) { buffer.writeBytes(encoded) }

    /// Reads one record from the front; `nil`, and nothing taken, where it is short or not canonical.
    package init?(from buffer: inout ByteBuffer) {
        var rest = buffer
        guard let version = rest.readInteger(as: UInt8.self), let bundle = IdentityBundle(from: &rest),
            version == bundle.formVersion, let flags = rest.readInteger(as: UInt8.self), flags <= 1,
            let sequence = rest.readInteger(as: UInt64.self),
            let expiry = rest.readInteger(as: Int64.self), let suites = NodeRecord.readSuites(from: &rest),
            let endpoints = NodeRecord.readEndpoints(from: &rest),
            let signature = rest.readBytes(length: bundle.signatureByteCount)
        else { return nil }
        let content = Content(
            suites: suites, endpoints: endpoints, relays: flags == 1, sequence: sequence,
            expiry: UnixTime(seconds: expiry))
        self.init(bundle: bundle, content: content, signature: signature)
        buffer = rest
    }

    /// Judges the record and gives the node that it is about; `expected` where only one node's will do.
    package func verify(
        expecting expected: NodeUUID?, at now: UnixTime
    ) throws(NodeRecordFailure) -> NodeUUID {
        let node = node
        guard expected == nil || node == expected else { throw .otherNode }
        let (left, overflow) = expiry.seconds.subtractingReportingOverflow(now.seconds)
        guard !overflow, left > -NodeRecord.toleranceSeconds,
            left <= NodeRecord.lifetimeSecondsMax + NodeRecord.toleranceSeconds
        else { throw .expired }
        guard bundle.isSigned(.nodeRecord, signedBytes, signature: signature) else { throw .badSignature }
        return node
    }

    private var signedBytes: [UInt8] {
        var buffer = ByteBuffer()
        buffer.writeInteger(bundle.formVersion)
        buffer.writeBytes(bundle.encoded)
        buffer.writeInteger(UInt8(relays ? 1 : 0))
        buffer.writeInteger(sequence)
        buffer.writeInteger(expiry.seconds)
        buffer.writeInteger(UInt8(suites.count))
        for suite in suites {
            buffer.writeBytes([suite.kem?.rawValue ?? 0, suite.cipher.rawValue, suite.hash.rawValue])
        }
        buffer.writeInteger(UInt8(endpoints.count))
        for endpoint in endpoints {
            buffer.writeInteger(endpoint.port)
            let host = Array(endpoint.host.utf8)
            buffer.writeInteger(UInt8(truncatingIfNeeded: host.count))
            buffer.writeBytes(host)
        }
        return Array(buffer.readableBytesView)
    }

    private static func readSuites(from buffer: inout ByteBuffer) -> [NoiseSuite]? {
        guard let count = buffer.readInteger(as: UInt8.self), (1...suiteCountMax).contains(Int(count)) else {
            return nil
        }
        var suites: [NoiseSuite] = []
        for _ in 0..<count {
            guard let bytes = buffer.readBytes(length: 3), let kem = NoiseKEM(rawValue: bytes[0]),
                let cipher = NoiseCipher(rawValue: bytes[1]), let hash = NoiseHash(rawValue: bytes[2])
            else { return nil }
            suites.append(NoiseSuite(kem: kem, cipher: cipher, hash: hash))
        }
        return Set(suites).count == suites.count ? suites : nil
    }

    private static func readEndpoints(from buffer: inout ByteBuffer) -> [Endpoint]? {
        guard let count = buffer.readInteger(as: UInt8.self), count <= endpointCountMax else { return nil }
        var endpoints: [Endpoint] = []
        for _ in 0..<count {
            guard let port = buffer.readInteger(as: UInt16.self), let length = buffer.readInteger(as: UInt8.self),
                let bytes = buffer.readBytes(length: Int(length)),
                let host = String(validating: bytes, as: UTF8.self)
            else { return nil }
            let endpoint = Endpoint(host: host, port: port)
            // The text form refuses whatever no host has.
            guard Endpoint(text: endpoint.description) == endpoint else { return nil }
            endpoints.append(endpoint)
        }
        return endpoints
    }

    private init(bundle: IdentityBundle, content: Content, signature: [UInt8]) {
        self.bundle = bundle
        self.relays = content.relays
        self.sequence = content.sequence
        self.expiry = content.expiry
        self.suites = content.suites
        self.endpoints = content.endpoints
        self.signature = signature
    }
}
