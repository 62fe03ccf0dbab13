import GateCrypto
import GateModel
import GateSession
import GateWire
import NIOCore
import Synchronization

/// Certificates that the worker renews while sessions stand, and those of the other sides that run out.
extension SessionHost {
    /// How long, in milliseconds, a session may wait to show a fresh certificate.
    static let certificatePause: ClosedRange<Int64> = 0...60_000

    /// A certificate in place of the first, and how long sessions may wait to show it.
    struct Renewal: Sendable {
        let credentials: WorkerCredentials
        let pause: ClosedRange<Int64>
    }

    /// The worker has a fresh certificate: every session is told, not all at the same moment.
    func tell(_ credentials: WorkerCredentials, within pause: ClosedRange<Int64> = SessionHost.certificatePause) {
        let renewal = Renewal(credentials: credentials, pause: pause)
        self.renewal.withLock { $0 = renewal }
        // After that: who is not among these looks for the renewal when it comes to stand.
        for session in kernel.sessions { tell(renewal, to: session) }
    }

    /// A session stands whose handshake began when the worker had the certificate `shown`: where it has another by now, the
    /// session is told like those that stood. One that was shown already means nothing to the other side.
    func tellIfRenewed(_ session: SessionEndpoint, since shown: WorkerCredentials?) {
        guard let renewal = renewal.withLock(\.self), renewal.credentials !== shown else { return }
        tell(renewal, to: session)
    }

    private func tell(_ renewal: Renewal, to session: SessionEndpoint) {
        let pause = TimeAmount.milliseconds(.random(in: renewal.pause))
        session.eventLoop.scheduleTask(in: pause) { [weak session] in
            session?.tell(certificate: renewal.credentials.certificate)
        }
    }

    /// Sessions whose other side's certificate ran out too long ago are closed.
    func closeExpired(at wall: UnixTime) {
        for session in kernel.sessions {
            guard let end = session.certifiedUntil, end + WorkerCertificate.sessionGraceSeconds < wall else { continue }
            session.eventLoop.execute { session.close(.certificateExpired) }
        }
    }
}
