import GateKernel
import NIOCore
import Testing

@Suite struct EventLoopCountTests {
    @Test func `workers of one machine share its processors, and each has a loop`() {
        #expect(KernelService.eventLoopCount(0, workersHere: 1) == System.coreCount)
        #expect(KernelService.eventLoopCount(0, workersHere: System.coreCount) == 1)
        #expect(KernelService.eventLoopCount(0, workersHere: 10 * System.coreCount) == 1)
        #expect(KernelService.eventLoopCount(3, workersHere: 10) == 3)
    }
}
