/** What the HA manager does with what it was asked for. Facts: PVE::HA::Manager and LRM, one round each 10 s. */
import type { Guest } from '../lab/model.ts'
import type { Sim } from '../sim.ts'
import { moveTask } from './move.ts'

const HA_ROUND_MS = 10_000

const nextRound = (sim: Sim): Promise<void> => sim.clock.sleep(HA_ROUND_MS * 0.6)

/** Starts or stops the guest in the manager's next round, as the state that it was asked for has it. */
export function haRound(sim: Sim, guest: Guest): void {
  void nextRound(sim).then(() => {
    if (sim.lab.guests.get(guest.vmid) !== guest) return
    if (guest.ha === 'started' && guest.state === 'stopped') sim.power.startTask(guest, 'root@pam')
    if ((guest.ha === 'stopped' || guest.ha === 'disabled') && guest.state !== 'stopped')
      sim.power.stopTask(guest, 'root@pam')
  })
}

/** Moves it in the next round: a running container is restarted there. */
export function haMove(sim: Sim, guest: Guest, target: string): void {
  void nextRound(sim).then(() => {
    if (sim.lab.guests.get(guest.vmid) !== guest || guest.node === target) return
    const running = guest.state !== 'stopped'
    moveTask(sim, guest, 'root@pam', {
      target,
      restart: running && guest.type === 'lxc',
      online: running && guest.type === 'qemu',
      withLocalDisks: true,
    })
  })
}
