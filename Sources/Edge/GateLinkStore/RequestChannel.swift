package import GateLink
package import GateStore
package import NIOCore

/// Asks the other side of a link; what `LinkStore` stands on.
package protocol RequestChannel: Sendable {
    /// Sends one request and waits for its reply. `.unavailable` if the link is away or the deadline passed.
    func request(_ method: String, _ body: ByteBuffer) async throws(StoreFailure) -> LinkReply

    /// Begins a watch; its events' bodies until the link or the other side ends it.
    func watch(_ method: String, _ body: ByteBuffer) async throws(StoreFailure) -> AsyncStream<ByteBuffer>
}
