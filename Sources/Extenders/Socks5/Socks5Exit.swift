import GateExtenderKit
import GateModel
import Logging
import NIOCore

/// The exit's side: takes a stream's request, connects to the target, joins both.
struct Socks5Exit: Sendable {
    let dialler: ExitDialler
    let settings: CurrentSettings
    /// How long a peer may take to grant credit for the answer.
    let answerTime: Duration
    let logger: Logger

    /// How long a peer may take for its request.
    static let requestTime = Duration.seconds(10)

    /// Serves one stream to its end. Neither the target nor who asked is logged.
    func serve(_ stream: PeerStream) async throws {
        let settings = settings.value
        guard settings.exit.serves(stream.peer, isAllowed: stream.isPeerAllowed) else {
            return try await refuse(stream, .notAllowed)
        }
        let request: (target: Socks5Target, rest: ByteBuffer)
        do {
            request = try await within(Self.requestTime) { try await self.request(from: stream) }
        } catch is ExitRequestFailure {
            return try await refuse(stream, .generalFailure)
        }
        let outcome: Result<any Channel, ExitRefusal>
        do {
            outcome = try await within(settings.connectTimeout, late: closeUnused) {
                await dialler.connect(
                    to: request.target, for: stream.session, settings: settings, on: stream.eventLoop)
            }
        } catch is DeadlineExceeded {
            outcome = .failure(ExitRefusal(.timeToLiveExpired))
        }
        switch outcome {
        case .failure(let refusal): try await refuse(stream, refusal.reply)
        case .success(let channel):
            do {
                try await answer(stream, .succeeded)
            } catch {
                channel.close(promise: nil)
                throw error
            }
            try await stream.splice(with: channel, prefix: request.rest)
        }
    }

    /// A target that nobody waits for any more.
    private func closeUnused(_ outcome: Result<any Channel, ExitRefusal>) {
        if case .success(let channel) = outcome { channel.close(promise: nil) }
    }

    /// A peer that grants no credit gets no answer: its stream is reset.
    private func answer(_ stream: PeerStream, _ reply: Socks5Reply) async throws {
        try await within(answerTime) { try await stream.write(ExitAnswer.encode(reply)) }
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
        try await answer(stream, reply)
        stream.finish()
    }
}
