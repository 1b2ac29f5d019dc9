! Slip with Voce hardening and Armstrong-Frederick back stress.
! State z: xi of all systems, their back stresses, the accumulated slip.

module umat_law
  use umat_data
  implicit none

  type :: law_work
    real(8) :: theta(ns), theta_slope(ns), accumulated(ns), pull_back(ns), damping(ns)
  end type law_work

contains

  pure subroutine evaluate_law(ph, start, dt, tau, z, w, slip, softening, rest, worst)
    integer, intent(in) :: ph
    real(8), intent(in) :: start(nz), dt, tau(ns), z(nz)
    type(law_work), intent(inout) :: w
    real(8), intent(out) :: slip(ns), softening(ns), rest(nz), worst
    integer :: a, b
    real(8) :: total, gamma, decay, bracket, back
    total = 0.0d0
    w%accumulated = 0.0d0
    do a = 1, ns
      softening(a) = rate(a, ph)*dt*abs((tau(a) - z(ns + a))/z(a))**(exponents(a, ph) - 1.0d0)/z(a)
      slip(a) = softening(a)*(tau(a) - z(ns + a))
      softening(a) = exponents(a, ph)*softening(a)
      total = total + abs(slip(a))
    end do
    do b = 1, ns
      w%accumulated = w%accumulated + abs(slip(b))*hardening(:, b, ph)
    end do
    gamma = max(z(2*ns + 1), 0.0d0)
    rest(2*ns + 1) = z(2*ns + 1) - start(2*ns + 1) - total
    worst = abs(rest(2*ns + 1))
    do a = 1, ns
      decay = exp(-hardening_initial(a, ph)*gamma/voce_stress(a, ph))
      bracket = hardening_initial(a, ph) - hardening_final(a, ph) &
                + hardening_initial(a, ph)*hardening_final(a, ph)*gamma/voce_stress(a, ph)
      w%theta(a) = hardening_final(a, ph) + bracket*decay
      w%theta_slope(a) = hardening_initial(a, ph)/voce_stress(a, ph) &
                         *(hardening_final(a, ph) - bracket)*decay
      rest(a) = z(a) - start(a) - w%theta(a)*w%accumulated(a)
      back = z(ns + a)
      rest(ns + a) = back - start(ns + a) - modulus(a, ph)*slip(a) &
                     + recovery(a, ph)*back*abs(slip(a))
      worst = max(worst, abs(rest(a)/z(a)), abs(rest(ns + a))/state_scale(ns + a, ph))
      w%pull_back(a) = sign(modulus(a, ph), slip(a)) - recovery(a, ph)*back
      w%damping(a) = 1.0d0/(1.0d0 + recovery(a, ph)*abs(slip(a)))
    end do
  end subroutine evaluate_law

  pure subroutine condense_law(ph, z, count, active, slip, softening, rest, w, system, constant)
    integer, intent(in) :: ph, count, active(ns)
    real(8), intent(in) :: z(nz), slip(ns), softening(ns), rest(nz)
    type(law_work), intent(in) :: w
    real(8), intent(inout) :: system(ns + 8, ns), constant(ns)
    integer :: row, column, a
    real(8) :: weight, by_total, back
    do row = 1, count
      a = active(row)
      weight = exponents(a, ph)*abs(slip(a))/z(a)
      by_total = w%theta_slope(a)*w%accumulated(a)
      do column = 1, count
        system(column, row) = weight*(w%theta(a)*hardening(a, active(column), ph) + by_total)
      end do
      back = sign(softening(a), slip(a))*w%damping(a)
      system(row, row) = system(row, row) + 1.0d0 + back*w%pull_back(a)
      constant(row) = back*rest(ns + a) + weight*(rest(a) + by_total*rest(2*ns + 1))
    end do
  end subroutine condense_law

  pure subroutine law_step(ph, z, count, active, slip_step, tau, tau_step, rest, w, step, relative)
    integer, intent(in) :: ph, count, active(ns)
    real(8), intent(in) :: z(nz), slip_step(ns), tau(ns), tau_step(ns), rest(nz)
    type(law_work), intent(inout) :: w
    real(8), intent(out) :: step(nz), relative
    integer :: row, a, b
    real(8) :: total
    total = -rest(2*ns + 1)
    step(1:ns) = 0.0d0
    step(ns + 1:2*ns) = -rest(ns + 1:2*ns)
    do row = 1, count
      b = active(row)
      total = total + slip_step(row)
      step(ns + b) = step(ns + b) + w%pull_back(b)*slip_step(row)
      step(1:ns) = step(1:ns) + slip_step(row)*hardening(:, b, ph)
    end do
    step(2*ns + 1) = total
    relative = 0.0d0
    do a = 1, ns
      step(a) = w%theta(a)*step(a) + w%theta_slope(a)*w%accumulated(a)*total - rest(a)
      step(ns + a) = step(ns + a)*w%damping(a)
      relative = max(relative, (abs(tau_step(a)) + abs(step(ns + a)) + abs(step(a)))/z(a))
    end do
  end subroutine law_step

  pure subroutine fill_drive(ph, tau, z, drive)
    integer, intent(in) :: ph
    real(8), intent(in) :: tau(ns), z(nz)
    real(8), intent(out) :: drive(ns)
    drive = abs(tau - z(ns + 1:2*ns))/z(1:ns)
  end subroutine fill_drive

end module umat_law
