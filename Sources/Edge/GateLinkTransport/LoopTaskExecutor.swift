import NIOCore

/// Runs tasks on an event loop, so that what they take from its channels and give back to them changes no thread. The loop
/// must outlive them: one that was shut down runs nothing, and a task that waits would wait for ever.
final class LoopTaskExecutor: TaskExecutor {
    private let eventLoop: any EventLoop
    private let jobs = Inbox<UnownedJob>()

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func enqueue(_ job: consuming ExecutorJob) {
        guard jobs.put(UnownedJob(job)) else { return }
        eventLoop.execute {
            for job in self.jobs.takeAll() { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        }
    }
}
