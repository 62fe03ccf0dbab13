package import GateModel
package import NIOCore

/// Why a worker's certificate is not believed.
package enum CertificateFailure: Error, Equatable {
    /// It is for another static key than the handshake's.
    case otherStaticKey
    /// It names another node than the one dialled.
    case otherNode
    /// It names the very node that judges it.
    case ownNode
    /// It begins later than now and the tolerance.
    case notYetValid
    /// It ended earlier than now and the tolerance.
    case expired
    /// It lasts longer than any certificate may, or ends before it begins.
    case badLifetime
    /// A signature is not the identity's.
    case badSignature
}

/// A worker's right to speak for a node: its X25519 static key, with an ML-DSA identity also its ML-DSA-65 key, signed by
/// the node's identity for a day at most.
///
/// | bytes | what |
/// | --- | --- |
/// | 1 | version: 1, or 2 where the bundle has an ML-DSA key |
/// | 34 or 1,987 | identity bundle |
/// | 32 | the worker's static X25519 key |
/// | 0 or 1,952 | version 2: the worker's ML-DSA-65 key |
/// | 8 | worker id |
/// | 8 | not before, unix seconds |
/// | 8 | not after, unix seconds |
/// | 8 | features; unknown bits are kept and ignored |
/// | 64 | Ed25519 signature of label and all before |
/// | 0 or 3,309 | version 2: ML-DSA-65 signature of the same |
///
/// Numbers are big-endian. 163 bytes in all, or 7,377 in version 2; anything else is refused.
package struct WorkerCertificate: Hashable, Sendable {
    /// The longest time from not-before to not-after: 24 hours and the backdating.
    package static let lifetimeSecondsMax: Int64 = 24 * 3600 + backdatingSeconds
    /// How long before its making a certificate begins.
    package static let backdatingSeconds: Int64 = 600
    /// How far the judge's clock may be off.
    package static let toleranceSeconds: Int64 = 600
    /// How long after its not-after a session that began with it is ended, unless a fresh one came.
    package static let sessionGraceSeconds: Int64 = 3600
    /// The bit of `features` that says: sessions with this node may be resumed at any of its workers.
    package static let resumesSessions: UInt64 = 1
    /// Bytes of a certificate of version 1.
    package static let encodedByteCount = 34 + fixedByteCount + 64
    /// Bytes of a certificate of version 2, the longest.
    package static let encodedBytesMax =
        IdentityBundle.encodedBytesMax + fixedByteCount + PostQuantumKey.publicKeyByteCount
        + IdentityBundle.signatureBytesMax

    package let bundle: IdentityBundle
    package let staticKey: [UInt8]
    /// What the worker signs handshakes with; `nil` in version 1.
    package let postQuantumKey: [UInt8]?
    package let worker: UInt64
    package let notBefore: UnixTime
    package let notAfter: UnixTime
    package let features: UInt64
    /// Those of all keys of the bundle, one after the other.
    package let signature: [UInt8]

    /// Version, static key and numbers.
    private static let fixedByteCount = 1 + 32 + 4 * 8
    private static let secondsMax: Int64 = 1 << 40  // far future, and no sum overflows

    /// Certifies a static key whose possession was proven, from ten minutes ago to `lifetimeSeconds` (a day at most)
    /// from now; with it, and only with it, a worker's ML-DSA key where the identity has one, too.
    package static func issue(
        by identity: IdentityKey, staticKey: [UInt8], postQuantumKey: [UInt8]? = nil, worker: UInt64, now: UnixTime,
        lifetimeSeconds: Int64, features: UInt64 = 0
    ) -> WorkerCertificate {
        precondition(staticKey.count == 32, "an X25519 key has 32 bytes")
        precondition(
            postQuantumKey?.count == (identity.bundle.isPostQuantum ? PostQuantumKey.publicKeyByteCount : nil),
            "a worker has an ML-DSA key where its identity has one")
        precondition((1...24 * 3600).contains(lifetimeSeconds), "a certificate lasts a day at most")
        let draft = WorkerCertificate(
            bundle: identity.bundle, staticKey: staticKey, postQuantumKey: postQuantumKey, worker: worker,
            notBefore: now + -backdatingSeconds, notAfter: now + lifetimeSeconds, features: features, signature: [])
        return draft.with(signature: identity.sign(.workerCertificate, draft.signedBytes))
    }

    /// All bytes.
    package var encoded: [UInt8] { signedBytes + signature }

    /// Appends all bytes.
    package func encode(into buffer: inout ByteBuffer) { buffer.writeBytes(encoded) }

    /// Reads one certificate from the front; `nil`, and nothing taken, where it is short or of another form.
    package init?(from buffer: inout ByteBuffer) {
        var rest = buffer
        guard let version = rest.readInteger(as: UInt8.self), let bundle = IdentityBundle(from: &rest),
            version == bundle.formVersion, let staticKey = rest.readBytes(length: 32),
            let postQuantumKey = rest.readBytes(length: bundle.isPostQuantum ? PostQuantumKey.publicKeyByteCount : 0),
            let worker = rest.readInteger(as: UInt64.self), let notBefore = rest.readInteger(as: Int64.self),
            let notAfter = rest.readInteger(as: Int64.self),
            let features = rest.readInteger(as: UInt64.self),
            let signature = rest.readBytes(length: bundle.signatureByteCount)
        else { return nil }
        self.init(
            bundle: bundle, staticKey: staticKey, postQuantumKey: bundle.isPostQuantum ? postQuantumKey : nil,
            worker: worker, notBefore: UnixTime(seconds: notBefore), notAfter: UnixTime(seconds: notAfter),
            features: features, signature: signature)
        buffer = rest
    }

    /// Judges the certificate that came beside `staticKey` in a handshake and gives the node that it speaks for.
    ///
    /// `expected` is the node dialled (`nil` for a responder), `own` the judge's own. Whether that node is allowed is
    /// the caller's question. Signatures found right are kept in `known`, so that a peer that returns costs none.
    package func verify(
        expecting expected: NodeUUID?, staticKey: [UInt8], own: NodeUUID?, at now: UnixTime,
        known: inout KnownSignatures
    ) throws(CertificateFailure) -> NodeUUID {
        guard staticKey == self.staticKey else { throw .otherStaticKey }
        let node = bundle.uuid
        guard expected == nil || node == expected else { throw .otherNode }
        guard node != own else { throw .ownNode }
        try checkTime(now)
        let text = signedBytes
        let isSigned = known.check(text + signature) {
            bundle.isSigned(.workerCertificate, text, signature: signature)
        }
        guard isSigned else { throw .badSignature }
        return node
    }

    /// Judges without remembering.
    package func verify(
        expecting expected: NodeUUID?, staticKey: [UInt8], own: NodeUUID?, at now: UnixTime
    ) throws(CertificateFailure) -> NodeUUID {
        var known = KnownSignatures(capacity: 0)
        return try verify(expecting: expected, staticKey: staticKey, own: own, at: now, known: &known)
    }

    private func checkTime(_ now: UnixTime) throws(CertificateFailure) {
        let (begin, end) = (notBefore.seconds, notAfter.seconds)
        let range = 0...WorkerCertificate.secondsMax
        guard range.contains(begin), range.contains(end), end > begin,
            end - begin <= WorkerCertificate.lifetimeSecondsMax
        else { throw .badLifetime }
        guard begin - WorkerCertificate.toleranceSeconds <= now.seconds else { throw .notYetValid }
        guard end + WorkerCertificate.toleranceSeconds >= now.seconds else { throw .expired }
    }

    private var signedBytes: [UInt8] {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(
            bundle.isPostQuantum ? WorkerCertificate.encodedBytesMax : WorkerCertificate.encodedByteCount)
        buffer.writeInteger(bundle.formVersion)
        buffer.writeBytes(bundle.encoded)
        buffer.writeBytes(staticKey)
        if let postQuantumKey { buffer.writeBytes(postQuantumKey) }
        buffer.writeInteger(worker)
        buffer.writeInteger(notBefore.seconds)
        buffer.writeInteger(notAfter.seconds)
        buffer.writeInteger(features)
        return Array(buffer.readableBytesView)
    }

    private func with(signature: [UInt8]) -> WorkerCertificate {
        WorkerCertificate(
            bundle: bundle, staticKey: staticKey, postQuantumKey: postQuantumKey, worker: worker, notBefore: notBefore,
            notAfter: notAfter, features: features, signature: signature)
    }

    private init(
        bundle: IdentityBundle, staticKey: [UInt8], postQuantumKey: [UInt8]?, worker: UInt64, notBefore: UnixTime,
        notAfter: UnixTime, features: UInt64, signature: [UInt8]
    ) {
        self.bundle = bundle
        self.staticKey = staticKey
        self.postQuantumKey = postQuantumKey
        self.worker = worker
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.features = features
        self.signature = signature
    }
}
