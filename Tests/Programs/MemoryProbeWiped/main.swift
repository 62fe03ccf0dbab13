import CWipe
import MemoryProbe

MemoryProbe.run(isWiping: gate_wipe_is_active() == 1)
