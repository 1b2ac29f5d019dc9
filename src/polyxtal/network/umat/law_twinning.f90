! The phenomenological power law of slip and twinning.
! State z: xi of all systems, the twinned fraction f = z(ns + 1), the accumulated slip z(ns + 2).

module umat_law
  use umat_data
  implicit none
  real(8), parameter :: tiny_size = 1.0d-300, smallest_fraction = 1.0d-12

  type :: law_work
    real(8) :: ratio(ns), power(ns), by_slip(ns), by_twin(ns), slip_weight(ns), twin_weight(ns)
    real(8) :: by_fraction(ns), by_total(ns), damping(ns), constant(ns), loss(ns)
  end type law_work

contains

  pure subroutine power_of(base, exponent, value, slope)  ! 0**0 = 1, slope finite at 0
    real(8), intent(in) :: base, exponent
    real(8), intent(out) :: value, slope
    value = 1.0d0
    slope = 0.0d0
    if (exponent == 0.0d0) return
    value = max(base, tiny_size)**exponent
    slope = exponent*max(base, smallest_fraction)**(exponent - 1.0d0)
  end subroutine power_of

  pure subroutine slip_of(ph, dt, tau, z, w, slip, softening)
    integer, intent(in) :: ph
    real(8), intent(in) :: dt, tau(ns), z(nz)
    type(law_work), intent(inout) :: w
    real(8), intent(out) :: slip(ns), softening(ns)
    integer :: a, rest
    real(8) :: left, soft
    left = max(1.0d0 - z(ns + 1), 0.0d0)
    w%ratio = abs(tau/z(1:ns))
    if (whole_exponent(ph) >= 0) then
      w%power = 1.0d0
      rest = whole_exponent(ph)
      do while (rest > 0)
        if (mod(rest, 2) == 1) w%power = w%power*w%ratio
        w%ratio = w%ratio*w%ratio
        rest = rest/2
      end do
    else
      w%power = w%ratio**(exponents(:, ph) - 1.0d0)
    end if
    do a = 1, ns
      soft = rate(a, ph)*dt*w%power(a)/z(a)
      w%loss(a) = 0.0d0
      if (shear_inverse(a, ph) > 0.0d0) then
        if (tau(a) <= 0.0d0) soft = 0.0d0
        if (left > 0.0d0) w%loss(a) = soft*tau(a)
        soft = soft*left
      end if
      slip(a) = soft*tau(a)
      softening(a) = exponents(a, ph)*soft
    end do
  end subroutine slip_of

  pure subroutine harden_slip(ph, a, z, w)
    integer, intent(in) :: ph, a
    real(8), intent(in) :: z(nz)
    type(law_work), intent(inout) :: w
    real(8) :: f, root, root_slope, level, distance, size, magnitude, saturating, slope
    real(8) :: power, power_slope, more
    f = z(ns + 1)
    if (f > smallest_fraction) then
      root = sqrt(f)
      root_slope = 0.5d0/root
    else
      root_slope = smallest_fraction**(-0.5d0)
      root = max(f, 0.0d0)*root_slope
    end if
    level = saturation(a, ph) + saturation_increase(a, ph)*root
    distance = 1.0d0 - z(a)/level
    size = max(abs(distance), tiny_size)
    magnitude = size**hardening_exponent(a, ph)
    saturating = sign(magnitude, distance)
    slope = hardening_exponent(a, ph)*magnitude/size/level
    call power_of(f, slip_power(a, ph), power, power_slope)
    more = 1.0d0 + factor(a, ph)*power
    w%slip_weight(a) = saturating*more
    w%twin_weight(a) = 1.0d0
    w%by_total(a) = 0.0d0
    w%by_fraction(a) = w%by_slip(a)*(slope*z(a)/level*saturation_increase(a, ph)*root_slope*more &
                                     + saturating*factor(a, ph)*power_slope)
    w%damping(a) = 1.0d0/(1.0d0 + slope*more*w%by_slip(a))
  end subroutine harden_slip

  pure subroutine evaluate_law(ph, start, dt, tau, z, w, slip, softening, rest, worst)
    integer, intent(in) :: ph
    real(8), intent(in) :: start(nz), dt, tau(ns), z(nz)
    type(law_work), intent(inout) :: w
    real(8), intent(out) :: slip(ns), softening(ns), rest(nz), worst
    integer :: a, b
    real(8) :: fraction, total, slope
    call slip_of(ph, dt, tau, z, w, slip, softening)
    w%by_slip = 0.0d0
    w%by_twin = 0.0d0
    fraction = 0.0d0
    total = 0.0d0
    do b = 1, ns
      if (shear_inverse(b, ph) > 0.0d0) then
        fraction = fraction + abs(slip(b))*shear_inverse(b, ph)
        w%by_twin = w%by_twin + abs(slip(b))*hardening(:, b, ph)
      else
        total = total + abs(slip(b))
        w%by_slip = w%by_slip + abs(slip(b))*hardening(:, b, ph)
      end if
    end do
    rest(ns + 1) = z(ns + 1) - start(ns + 1) - fraction
    rest(ns + 2) = z(ns + 2) - start(ns + 2) - total
    worst = max(abs(rest(ns + 1)), abs(rest(ns + 2)))
    do a = 1, ns
      if (shear_inverse(a, ph) > 0.0d0) then
        call power_of(z(ns + 2), slip_power(a, ph), w%slip_weight(a), slope)
        w%by_total(a) = slope*w%by_slip(a)
        call power_of(z(ns + 1), twin_power(a, ph), w%twin_weight(a), slope)
        w%by_fraction(a) = slope*w%by_twin(a)
        w%damping(a) = 1.0d0
      else
        call harden_slip(ph, a, z, w)
      end if
      rest(a) = z(a) - start(a) - w%slip_weight(a)*w%by_slip(a) - w%twin_weight(a)*w%by_twin(a)
      w%constant(a) = -rest(a) - w%by_fraction(a)*rest(ns + 1) - w%by_total(a)*rest(ns + 2)
      worst = max(worst, abs(rest(a)/z(a)))
    end do
  end subroutine evaluate_law

  pure real(8) function gain(ph, i, j, w)  ! derivative of xi_i by slip of j, before damping
    integer, intent(in) :: ph, i, j
    type(law_work), intent(in) :: w
    if (shear_inverse(j, ph) > 0.0d0) then
      gain = w%twin_weight(i)*hardening(i, j, ph) + w%by_fraction(i)*shear_inverse(j, ph)
    else
      gain = w%slip_weight(i)*hardening(i, j, ph) + w%by_total(i)
    end if
  end function gain

  pure subroutine condense_law(ph, z, count, active, slip, softening, rest, w, system, constant)
    integer, intent(in) :: ph, count, active(ns)
    real(8), intent(in) :: z(nz), slip(ns), softening(ns), rest(nz)
    type(law_work), intent(in) :: w
    real(8), intent(inout) :: system(ns + 8, ns), constant(ns)
    integer :: row, column, i, j
    real(8) :: weight
    do row = 1, count
      i = active(row)
      weight = exponents(i, ph)*abs(slip(i))/z(i)*w%damping(i)
      do column = 1, count
        j = active(column)
        system(column, row) = weight*gain(ph, i, j, w) + w%loss(i)*shear_inverse(j, ph)
      end do
      system(row, row) = system(row, row) + 1.0d0
      constant(row) = w%loss(i)*rest(ns + 1) - weight*w%constant(i)
    end do
  end subroutine condense_law

  pure subroutine law_step(ph, z, count, active, slip_step, tau, tau_step, rest, w, step, relative)
    integer, intent(in) :: ph, count, active(ns)
    real(8), intent(in) :: z(nz), slip_step(ns), tau(ns), tau_step(ns), rest(nz)
    type(law_work), intent(inout) :: w
    real(8), intent(out) :: step(nz), relative
    integer :: row, i, j
    real(8) :: change
    step(ns + 1) = -rest(ns + 1)
    step(ns + 2) = -rest(ns + 2)
    step(1:ns) = w%constant
    do row = 1, count
      j = active(row)
      if (shear_inverse(j, ph) > 0.0d0) then
        step(ns + 1) = step(ns + 1) + slip_step(row)*shear_inverse(j, ph)
      else
        step(ns + 2) = step(ns + 2) + slip_step(row)
      end if
      do i = 1, ns
        step(i) = step(i) + slip_step(row)*gain(ph, i, j, w)
      end do
    end do
    relative = abs(step(ns + 1))
    do i = 1, ns
      step(i) = step(i)*w%damping(i)
      change = abs(step(i))
      if (shear_inverse(i, ph) == 0.0d0 .or. tau(i) + tau_step(i) > 0.0d0) then
        change = change + abs(tau_step(i))
      end if
      relative = max(relative, change/z(i))
    end do
  end subroutine law_step

  pure subroutine fill_drive(ph, tau, z, drive)
    integer, intent(in) :: ph
    real(8), intent(in) :: tau(ns), z(nz)
    real(8), intent(out) :: drive(ns)
    drive = abs(tau)/z(1:ns)
    where (shear_inverse(:, ph) > 0.0d0 .and. tau < 0.0d0) drive = 0.0d0
  end subroutine fill_drive

end module umat_law
