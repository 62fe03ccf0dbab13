internal import ArgumentParser
internal import Foundation
internal import GateCrypto
internal import GateModel
internal import NIOCore

/// What `card` prints and `peers add` takes: where a node listens, and, where asked for, its signed record.
///
/// Text form: `UUID@host:port` or `UUID@host:port#RECORD`, the record in base64url. Circuits need the record of each
/// relay and of their destination; a direct session needs none.
struct PeerCard: ExpressibleByArgument, Equatable {
    let address: NodeAddress
    /// The record's bytes; empty where the card has none.
    let record: [UInt8]

    /// The longest record that is read, in base64url: one of an identity with ML-DSA and eight long host names.
    static let recordCharactersMax = (NodeRecord.encodedBytesMax * 4 + 2) / 3

    init(address: NodeAddress, record: [UInt8] = []) {
        self.address = address
        self.record = record
    }

    /// Refuses a record that is not the named node's, or whose signature does not hold.
    init?(argument: String) {
        let parts = argument.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ NodeAddress(text: $0) }) else { return nil }
        guard parts.count == 2 else {
            self.init(address: address)
            return
        }
        guard parts[1].utf8.count <= PeerCard.recordCharactersMax, let bytes = PeerCard.decode(String(parts[1])),
            PeerCard.verified(bytes, of: address.node) != nil
        else { return nil }
        self.init(address: address, record: bytes)
    }

    /// The record, where it is the node's own and still holds.
    static func verified(_ bytes: [UInt8], of node: NodeUUID) -> NodeRecord? {
        var buffer = ByteBuffer(bytes: bytes)
        guard let record = NodeRecord(from: &buffer), buffer.readableBytes == 0 else { return nil }
        let now = UnixTime(seconds: Int64(Date().timeIntervalSince1970))
        return (try? record.verify(expecting: node, at: now)) == nil ? nil : record
    }

    var text: String {
        guard !record.isEmpty else { return address.description }
        let base64 = Data(record).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        return "\(address)#\(base64)"
    }

    private static func decode(_ text: String) -> [UInt8]? {
        var base64 = text.replacing("-", with: "+").replacing("_", with: "/")
        base64 += String(repeating: "=", count: (4 - base64.utf8.count % 4) % 4)
        return Data(base64Encoded: base64).map(Array.init)
    }
}
