! The solution of one crystal: Newton with growth limit and line search, and fallbacks; its stress
! and consistent tangent.

module umat_solution
  use umat_crystal
  implicit none
  integer, parameter :: newton_iterations = 60, max_attempts = 4096, max_halvings = 10
  integer, parameter :: max_sweeps = 100
  integer, parameter :: direct = 0, sweeps_first = 1, continuation = 2, half_sweeps = 3
  integer, parameter :: quarter_sweeps = 4

contains

  pure subroutine limit_drive(ph, dt, w)  ! drive at which a system slips by ten trial strains
    integer, intent(in) :: ph
    real(8), intent(in) :: dt
    type(crystal_work), intent(inout) :: w
    real(8) :: strain(6), largest
    integer :: a
    strain = 0.5d0*metric(w%trial)
    strain(1:3) = strain(1:3) - 0.5d0
    largest = max(1.0d-6, maxval(abs(strain)))
    do a = 1, ns
      w%drive_limit(a) = infinite
      if (rate(a, ph)*dt > 0.0d0) then
        w%drive_limit(a) = (10.0d0*largest/(rate(a, ph)*dt))**(1.0d0/exponents(a, ph))
      end if
    end do
  end subroutine limit_drive

  pure subroutine admissible_share(ph, z, w, share)
    integer, intent(in) :: ph
    real(8), intent(in) :: z(nz)
    type(crystal_work), intent(inout) :: w
    real(8), intent(out) :: share
    integer :: a, s
    share = 1.0d0
    call fill_drive(ph, w%tau, z, w%drive)
    w%tau_step = w%tau_step + w%tau
    do s = 1, nz
      w%z_old(s) = z(s) + w%z_step(s)
      if (state_scale(s, ph) == 0.0d0 .and. w%z_old(s) < 0.5d0*z(s)) then
        share = min(share, -0.5d0*z(s)/w%z_step(s))
        w%z_old(s) = 0.5d0*z(s)
      end if
    end do
    call fill_drive(ph, w%tau_step, w%z_old, w%drive_new)
    do a = 1, ns
      if (w%drive_new(a) > w%drive_limit(a) .and. w%drive_new(a) > w%drive(a)) then
        share = min(share, max(0.05d0, (w%drive_limit(a) - w%drive(a)) &
                               /(w%drive_new(a) - w%drive(a))))
      end if
    end do
  end subroutine admissible_share

  ! Newton for S and z, for S alone if not coupled; used = iterations, or -1 without a solution.
  pure subroutine newton(ph, deformation, plastic_start, start, dt, stress, z, coupled, w, used)
    integer, intent(in) :: ph
    real(8), intent(in) :: deformation(3, 3), plastic_start(3, 3), start(nz), dt
    real(8), intent(inout) :: stress(6), z(nz)
    logical, intent(in) :: coupled
    type(crystal_work), intent(inout) :: w
    integer, intent(out) :: used
    real(8) :: norm, best, share, relative
    logical :: limited
    integer :: a, iteration, halving, count, trial
    used = -1
    w%trial = product3(deformation, plastic_start)
    limited = .false.
    do trial = 1, 2
      call evaluate(ph, start, dt, stress, z, coupled, w, norm)
      if (norm < 1.0d-2 .or. trial == 2) exit
      call limit_drive(ph, dt, w)
      limited = .true.
      call fill_drive(ph, w%tau, z, w%drive)
      share = 1.0d0
      do a = 1, ns
        if (w%drive(a) > w%drive_limit(a)) share = min(share, w%drive_limit(a)/w%drive(a))
      end do
      if (share == 1.0d0) exit
      stress = stress*share
    end do
    if (.not. norm < infinite) return
    do iteration = 1, newton_iterations
      call linearise(ph, z, inactive, coupled, w, count)
      call newton_step(ph, count, z, coupled, w, relative)
      if (.not. relative < infinite) return
      share = 1.0d0
      if (relative > 1.0d-2) then
        if (.not. limited) call limit_drive(ph, dt, w)
        limited = .true.
        call admissible_share(ph, z, w, share)
      end if
      w%stress_old = stress
      w%z_old = z
      best = norm
      do halving = 1, max_halvings
        stress = w%stress_old + share*w%step
        z = w%z_old + share*w%z_step
        call evaluate(ph, start, dt, stress, z, coupled, w, norm)
        if (norm <= best .or. relative < 1.0d-2) exit
        share = 0.5d0*share
      end do
      if (share == 1.0d0 .and. largest_exponent(ph)*relative*relative < 1.0d-11 .and. norm < 1.0d-9) then
        used = iteration
        return
      end if
    end do
  end subroutine newton

  pure subroutine sweep_state(ph, z, share, w, largest)
    integer, intent(in) :: ph
    real(8), intent(inout) :: z(nz)
    real(8), intent(in) :: share
    type(crystal_work), intent(in) :: w
    real(8), intent(out) :: largest
    real(8) :: change, scale
    integer :: s
    largest = 0.0d0
    do s = 1, nz
      scale = state_scale(s, ph)
      change = -share*w%rest(s)
      if (scale == 0.0d0) then
        scale = z(s)
        change = max(change, -0.5d0*z(s))
      end if
      z(s) = z(s) + change
      largest = max(largest, abs(change)/scale)
    end do
  end subroutine sweep_state

  ! The law at the end of a step. Newton first; then S and z in turns; then continuation from the
  ! stress-free state; then turns with a half and a quarter of each change of state.
  pure subroutine solve_crystal(ph, deformation, plastic_start, start, dt, stress, z, w, solved)
    integer, intent(in) :: ph
    real(8), intent(in) :: deformation(3, 3), plastic_start(3, 3), start(nz), dt
    real(8), intent(inout) :: stress(6), z(nz)
    type(crystal_work), intent(inout) :: w
    logical, intent(out) :: solved
    real(8) :: reached, stride, share, goal, change
    integer :: strategy, sweeps, attempt, used
    logical :: sweeping
    solved = .false.
    reached = 0.0d0
    stride = 1.0d0
    share = 1.0d0
    strategy = direct
    sweeps = 0
    sweeping = .false.
    do attempt = 1, max_attempts
      goal = min(1.0d0, reached + stride)
      w%way = deformation
      if (goal < 1.0d0) w%way = w%way + (1.0d0 - goal)*(w%relaxed - deformation)
      call newton(ph, w%way, plastic_start, start, dt, stress, z, .not. sweeping, w, used)
      if (used > 0 .and. sweeping) then
        sweeps = sweeps + 1
        call sweep_state(ph, z, share, w, change)
        sweeping = change >= 1.0d-6 .and. sweeps < max_sweeps
        cycle
      end if
      if (used > 0) then
        if (goal == 1.0d0) then
          solved = .true.
          return
        end if
        reached = goal
        stride = 1.5d0*stride
        w%stress_kept = stress
        w%z_kept = z
        cycle
      end if
      stride = 0.25d0*stride
      if (strategy /= continuation .or. stride < 1.0d-5) then
        strategy = strategy + 1
        if (strategy > quarter_sweeps) return
        if (strategy >= half_sweeps) share = 0.5d0*share
        sweeping = strategy /= continuation
        sweeps = 0
        reached = 0.0d0
        stride = 0.125d0
        if (sweeping) stride = 1.0d0
        w%relaxed = inverse(plastic_start)
        w%stress_kept = 0.0d0
        w%z_kept = start
      end if
      stress = w%stress_kept
      z = w%z_kept
    end do
  end subroutine solve_crystal

  ! P = F_e S F_p^-T and F_p^-1 of the solution.
  pure subroutine crystal_stress(ph, plastic_start, stress, w, piola)
    integer, intent(in) :: ph
    real(8), intent(in) :: plastic_start(3, 3), stress(6)
    type(crystal_work), intent(inout) :: w
    real(8), intent(out) :: piola(3, 3)
    call plastic_increment(ph, w)
    w%plastic_inverse = product3(plastic_start, w%interim)
    piola = product3(product3(w%elastic, matrix_of(stress)), transpose(w%plastic_inverse))
  end subroutine crystal_stress

  ! dP/dF and dS/dF; index 3 (i - 1) + j stands for the component ij, first index of the array: F.
  pure subroutine crystal_tangent(ph, plastic_start, stress, z, least, w, tangent, stress_gradient)
    integer, intent(in) :: ph
    real(8), intent(in) :: plastic_start(3, 3), stress(6), z(nz), least
    type(crystal_work), intent(inout) :: w
    real(8), intent(out) :: tangent(9, 9), stress_gradient(9, 6)
    real(8) :: carried(3, 3), pulled(3, 3), change(3, 3), geometric(3, 3), sense
    integer :: count, row, a, c, i, j, k, m, r
    call linearise(ph, z, least, .true., w, count)
    do j = 1, 3
      do i = 1, 3
        c = 3*(i - 1) + j
        do m = 1, 3
          w%gradient(c, m) = w%elastic(i, m)*w%plastic_inverse(j, m)
        end do
        w%gradient(c, 4) = half_root*(w%elastic(i, 2)*w%plastic_inverse(j, 3) &
                                      + w%elastic(i, 3)*w%plastic_inverse(j, 2))
        w%gradient(c, 5) = half_root*(w%elastic(i, 1)*w%plastic_inverse(j, 3) &
                                      + w%elastic(i, 3)*w%plastic_inverse(j, 1))
        w%gradient(c, 6) = half_root*(w%elastic(i, 1)*w%plastic_inverse(j, 2) &
                                      + w%elastic(i, 2)*w%plastic_inverse(j, 1))
      end do
    end do
    w%push = transpose(w%gradient)
    stress_gradient = w%gradient
    do k = 1, 6
      do i = k + 1, 6
        stress_gradient(:, i) = stress_gradient(:, i) - w%jacobian(k, i)*stress_gradient(:, k)
      end do
    end do
    do k = 6, 1, -1
      stress_gradient(:, k) = stress_gradient(:, k)/w%jacobian(k, k)
      do i = 1, k - 1
        stress_gradient(:, i) = stress_gradient(:, i) - w%jacobian(k, i)*stress_gradient(:, k)
      end do
    end do
    w%interim = matrix_of(stress)
    carried = product3(w%elastic, w%interim)
    pulled = product3(w%interim, transpose(w%plastic_inverse))
    do row = 1, count
      a = w%active(row)
      sense = sign(1.0d0, w%slip(a))
      change = sense*(product3(w%trial, product3(schmid(:, :, a, ph), pulled)) &
                      + product3(product3(carried, transpose(schmid(:, :, a, ph))), &
                                 transpose(plastic_start)))
      do i = 1, 3
        do j = 1, 3
          r = 3*(i - 1) + j
          w%push(:, r) = w%push(:, r) - change(i, j)*w%slip_tangent(1:6, row)
        end do
      end do
    end do
    do r = 1, 9
      tangent(:, r) = 0.0d0
      do m = 1, 6
        tangent(:, r) = tangent(:, r) + w%push(m, r)*stress_gradient(:, m)
      end do
    end do
    geometric = product3(w%plastic_inverse, pulled)
    do i = 1, 3
      do k = 1, 3
        do j = 1, 3
          c = 3*(i - 1) + j
          r = 3*(i - 1) + k
          tangent(c, r) = tangent(c, r) + geometric(j, k)
        end do
      end do
    end do
  end subroutine crystal_tangent

end module umat_solution
