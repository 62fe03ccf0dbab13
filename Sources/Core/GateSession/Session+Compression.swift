import GateWire
import NIOCore

/// Compression of extenders' messages, from version 2 on. Streams are never compressed: they carry tunnels, whose two
/// ends know nothing of each other's secrets.
extension Session {
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

    /// The message as it was sent; `nil` where the other side broke the rules of compression.
    func restored(_ message: ExtenderMessage) -> ExtenderMessage? {
        guard message.flags.contains(.compressed) else { return message }
        guard speaksOfCompression, let payload = PayloadCompression.restored(message.payload) else { return nil }
        var message = message
        message.payload = payload
        message.flags.remove(.compressed)
        return message
    }
}
