package import GateModel
import GateWire
import NIOCore

/// Compression of extenders' messages, from version 2 on. Streams are never compressed: they carry tunnels, whose two
/// ends know nothing of each other's secrets.
extension Session {
    /// Whether an extender takes messages of this session.
    package typealias Taker = (ExtenderID) -> Bool

    private var speaksOfCompression: Bool { established.version >= PeerVersions.compression }

    /// The message as it travels: compressed where that was allowed, is settled and saves something.
    func compressed(_ message: ExtenderMessage) -> ExtenderMessage {
        guard message.flags.contains(.compressed) else { return message }
        var message = message
        if speaksOfCompression, let least = environment.settings.compressionMinimum,
            message.payload.readableBytes >= least, let payload = PayloadCompression.compressed(message.payload)
        {
            message.payload = payload
        } else {
            message.flags.remove(.compressed)
        }
        return message
    }

    /// The message as it was sent; `nil` where the other side broke the rules of compression. A message that no extender
    /// takes stays as it came: it is worth a receipt and no work.
    mutating func restored(_ message: ExtenderMessage, takes: Taker) -> ExtenderMessage? {
        guard message.flags.contains(.compressed) else { return message }
        guard speaksOfCompression else { return nil }
        guard takes(message.extender) else { return message }
        guard let payload = PayloadCompression.restored(message.payload) else { return nil }
        count(unfolded: payload.readableBytes)
        var message = message
        message.payload = payload
        message.flags.remove(.compressed)
        return message
    }
}
