import GateExtenderKit
import GateModel
import Logging
import NIOCore

/// The exit's side: takes a stream's request, connects to the target, joins both.
struct Socks5Exit: Sendable {
    let dialler: ExitDialler
    let settings: CurrentSettings
    let logger: Logger

    /// How long a peer may take for its request.
    static let requestTime = Duration.seconds(10)

    /// Serves one stream to its end. Neither the target nor who asked is logged.
    func serve(_ stream: PeerStream) async throws {
        let settings = settings.value
        guard settings.exit.serves(stream.peer) else { return try await refuse(stream, .notAllowed) }
        let request: (target: Socks5Target, rest: ByteBuffer)
        do {
            request = try await within(Self.requestTime) { try await self.request(from: stream) }
        } catch is ExitRequestFailure {
            return try await refuse(stream, .generalFailure)
        }
        let outcome: Result<any Channel, ExitRefusal>
        do {
            outcome = try await within(settings.connectTimeout) {
                await dialler.connect(to: request.target, settings: settings, on: stream.eventLoop)
            }
        } catch is DeadlineExceeded {
            outcome = .failure(ExitRefusal(.timeToLiveExpired))
        }
        switch outcome {
        case .failure(let refusal): try await refuse(stream, refusal.reply)
        case .success(let channel):
            try await stream.write(ExitAnswer.encode(.succeeded))
            try await stream.splice(with: channel, prefix: request.rest)
        }
    }

    private func request(from stream: PeerStream) async throws -> (Socks5Target, ByteBuffer) {
        var input = ByteBuffer()
        while let bytes = try await stream.read() {
            input.writeImmutableBuffer(bytes)
            if let target = try ExitRequest.decode(&input) { return (target, input) }
        }
        throw ExitRequestFailure.malformed
    }

    private func refuse(_ stream: PeerStream, _ reply: Socks5Reply) async throws {
        logger.debug("an exit request was refused", metadata: ["reply": "\(reply)"])
        try await stream.write(ExitAnswer.encode(reply))
        stream.finish()
    }
}
