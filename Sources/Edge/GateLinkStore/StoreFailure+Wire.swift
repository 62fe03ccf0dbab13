import GateLink
import GateStore
import NIOCore
import SwiftProtobuf

// A failure on the wire: the reply's status for everybody, and in its body the exact case.
//
// | code | failure       | status      |     | code | failure       | status      |
// | ---- | ------------- | ----------- | --- | ---- | ------------- | ----------- |
// | 1    | notFound      | notFound    |     | 7    | leaseLost     | conflict    |
// | 2    | notPermitted  | refused     |     | 8    | notProven     | refused     |
// | 3    | invalid       | invalid     |     | 9    | wrongVaultKey | failed      |
// | 4    | conflict      | conflict    |     | 10   | newerSchema   | failed      |
// | 5    | quotaExceeded | refused     |     | 11   | unavailable   | unavailable |
// | 6    | otherBundle   | refused     |     | 12   | damaged       | failed      |

extension StoreFailure {
    /// The reply that tells this failure.
    var reply: LinkReply {
        let (code, status, detail) = wire
        var body = WireFailure()
        body.code = code
        body.detail = detail
        let bytes: [UInt8]? = try? body.serializedBytes()
        return LinkReply(status: status, reason: "\(self)", body: ByteBuffer(bytes: bytes ?? []))
    }

    /// What a reply that is not `done` tells.
    init(_ reply: LinkReply) {
        let body: WireFailure? = try? parsed(reply.body, atMost: 4096)
        switch body?.code {
        case 1: self = .notFound
        case 2: self = .notPermitted
        case 3: self = .invalid(body?.detail ?? "")
        case 4: self = .conflict
        case 5: self = .quotaExceeded
        case 6: self = .otherBundle
        case 7: self = .leaseLost
        case 8: self = .notProven
        case 9: self = .wrongVaultKey
        case 10: self = .newerSchema
        case 12: self = .damaged(body?.detail ?? "")
        default: self = StoreFailure.byStatus(reply)
        }
    }

    private var wire: (code: UInt32, status: LinkReply.Status, detail: String) {
        switch self {
        case .notFound: (1, .notFound, "")
        case .notPermitted: (2, .refused, "")
        case .invalid(let rule): (3, .invalid, rule)
        case .conflict: (4, .conflict, "")
        case .quotaExceeded: (5, .refused, "")
        case .otherBundle: (6, .refused, "")
        case .leaseLost: (7, .conflict, "")
        case .notProven: (8, .refused, "")
        case .wrongVaultKey: (9, .failed, "")
        case .newerSchema: (10, .failed, "")
        case .unavailable: (11, .unavailable, "")
        case .damaged(let what): (12, .failed, what)
        }
    }

    private static func byStatus(_ reply: LinkReply) -> StoreFailure {
        switch reply.status {
        case .refused: .notPermitted
        case .invalid: .invalid(reply.reason)
        case .notFound: .notFound
        case .conflict: .conflict
        case .unknownMethod: .invalid("the other side does not know this method")
        case .done, .unavailable, .overloaded, .deadlineExceeded, .cancelled, .failed: .unavailable
        }
    }
}

/// Most fields at the top of one body: a batch of the largest size, and then some.
private let topFieldsMax = 2 * StoreLimit.batchRows + 64

/// Parses a body whose length and number of fields are within bounds, so that what is allocated is too.
func parsed<Body: SwiftProtobuf.Message>(_ bytes: ByteBuffer, atMost limit: Int) throws(StoreFailure) -> Body {
    guard bytes.readableBytes <= limit, hasBoundedFields(bytes) else { throw .invalid("the body is too long") }
    var options = BinaryDecodingOptions()
    options.messageDepthLimit = 4
    options.discardUnknownFields = true
    do {
        return try Body(serializedBytes: Array(bytes.readableBytesView), options: options)
    } catch {
        throw .invalid("the body is not what this method takes")
    }
}

/// Whether the fields at the top are few enough; broken ones are left to the parser.
private func hasBoundedFields(_ bytes: ByteBuffer) -> Bool {
    var rest = bytes
    var count = 0
    while let tag = rest.readVarint() {
        count += 1
        guard count <= topFieldsMax else { return false }
        switch tag & 7 {
        case 0: if rest.readVarint() == nil { return true }
        case 1: if rest.readSlice(length: 8) == nil { return true }
        case 2:
            guard let length = rest.readVarint(), length <= UInt64(rest.readableBytes) else { return true }
            rest.moveReaderIndex(forwardBy: Int(length))
        case 5: if rest.readSlice(length: 4) == nil { return true }
        default: return true
        }
    }
    return true
}

extension ByteBuffer {
    /// Reads a protobuf varint; `nil` where it is cut or has more than ten bytes.
    fileprivate mutating func readVarint() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte: UInt8 = readInteger() else { return nil }
            value |= UInt64(byte & 0x7f) << shift
            if byte & 0x80 == 0 { return value }
        }
        return nil
    }
}

/// The bytes of a body that we made ourselves.
func serialized(_ body: some SwiftProtobuf.Message) -> ByteBuffer {
    // Our messages have no required fields, the one thing that can fail here.
    let bytes: [UInt8] = (try? body.serializedBytes()) ?? []
    return ByteBuffer(bytes: bytes)
}
