! The phenomenological power law of slip: d(gamma_a)/dt = rate (tau_a/xi_a)^n. State z: xi.

module umat_law
  use umat_data
  implicit none
  real(8), parameter :: tiny_size = 1.0d-300

  type :: law_work
    real(8) :: ratio(ns), power(ns), saturation_factor(ns), saturation_slope(ns), accumulated(ns)
  end type law_work

contains

  pure subroutine raise_ratio(whole, w)  ! power = power * ratio**whole
    integer, intent(in) :: whole
    type(law_work), intent(inout) :: w
    integer :: rest
    rest = whole
    do while (rest > 0)
      if (mod(rest, 2) == 1) w%power = w%power*w%ratio
      w%ratio = w%ratio*w%ratio
      rest = rest/2
    end do
  end subroutine raise_ratio

  pure subroutine evaluate_law(ph, start, dt, tau, z, w, slip, softening, rest, worst)
    integer, intent(in) :: ph
    real(8), intent(in) :: start(nz), dt, tau(ns), z(nz)
    type(law_work), intent(inout) :: w
    real(8), intent(out) :: slip(ns), softening(ns), rest(nz), worst
    integer :: a, b
    w%ratio = abs(tau/z)
    if (whole_exponent(ph) >= 0) then
      w%power = 1.0d0
      call raise_ratio(whole_exponent(ph), w)
    else
      w%power = w%ratio**(exponents(:, ph) - 1.0d0)
    end if
    softening = rate(:, ph)*dt*w%power/z
    slip = softening*tau
    softening = exponents(:, ph)*softening
    do a = 1, ns
      w%saturation_slope(a) = 1.0d0 - z(a)*saturation_inverse(a, ph)
      w%saturation_factor(a) = max(abs(w%saturation_slope(a)), tiny_size)
    end do
    if (whole_quarters(ph) >= 0) then
      w%ratio = sqrt(sqrt(w%saturation_factor))
      w%power = 1.0d0
      call raise_ratio(whole_quarters(ph), w)
    else
      w%power = w%saturation_factor**hardening_exponent(:, ph)
    end if
    do a = 1, ns
      rest(a) = -hardening_exponent(a, ph)*saturation_inverse(a, ph)*w%power(a) &
                /w%saturation_factor(a)
      w%saturation_factor(a) = sign(w%power(a), w%saturation_slope(a))
      w%saturation_slope(a) = rest(a)
    end do
    w%accumulated = 0.0d0
    do b = 1, ns
      w%accumulated = w%accumulated + abs(slip(b))*hardening(:, b, ph)
    end do
    rest = z - start - w%saturation_factor*w%accumulated
    worst = maxval(abs(rest/z))
  end subroutine evaluate_law

  pure subroutine condense_law(ph, z, count, active, slip, softening, rest, w, system, constant)
    integer, intent(in) :: ph, count, active(ns)
    real(8), intent(in) :: z(nz), slip(ns), softening(ns), rest(nz)
    type(law_work), intent(in) :: w
    real(8), intent(inout) :: system(ns + 8, ns), constant(ns)
    integer :: row, column, a
    real(8) :: weight
    do row = 1, count
      a = active(row)
      weight = exponents(a, ph)*abs(slip(a))/z(a) &
               /(1.0d0 - w%saturation_slope(a)*w%accumulated(a))
      do column = 1, count
        system(column, row) = weight*w%saturation_factor(a)*hardening(a, active(column), ph)
      end do
      system(row, row) = system(row, row) + 1.0d0
      constant(row) = weight*rest(a)
    end do
  end subroutine condense_law

  pure subroutine law_step(ph, z, count, active, slip_step, tau, tau_step, rest, w, step, relative)
    integer, intent(in) :: ph, count, active(ns)
    real(8), intent(in) :: z(nz), slip_step(ns), tau(ns), tau_step(ns), rest(nz)
    type(law_work), intent(inout) :: w
    real(8), intent(out) :: step(nz), relative
    integer :: row
    w%ratio = 0.0d0
    do row = 1, count
      w%ratio = w%ratio + slip_step(row)*hardening(:, active(row), ph)
    end do
    step = (w%saturation_factor*w%ratio - rest)/(1.0d0 - w%saturation_slope*w%accumulated)
    relative = maxval((abs(tau_step) + abs(step))/z)
  end subroutine law_step

  pure subroutine fill_drive(ph, tau, z, drive)
    integer, intent(in) :: ph
    real(8), intent(in) :: tau(ns), z(nz)
    real(8), intent(out) :: drive(ns)
    drive = abs(tau)/z
  end subroutine fill_drive

end module umat_law
